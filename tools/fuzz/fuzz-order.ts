// What the process that fuzzes is told, and what it reports.
export interface FuzzOrder {
  what: 'pictures' | 'streams' | 'addon';
  seed: number;
  from: number;
  /** First number that is not tried. */
  to: number;
  /** Folder for the note of the present number, and for pictures that fail. */
  folder: string;
  /** Path of the addon. Default: the ordinary one. */
  addonPath?: string;
}

/** Results since the last report. */
export interface FuzzNews {
  /** First number that was not tried yet. */
  next: number;
  outcomes: Record<string, number>;
  failures: string[];
}

/** File in the folder that holds the present number. */
export const PRESENT_FILE = 'present';
