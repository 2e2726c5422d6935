// Types of answer.mjs.
export function answer(handlers: Record<string, (request: never) => unknown>): Promise<void>;
export function readVectors(file: string): Float32Array;
