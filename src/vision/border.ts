// The view in which the border of a sheet or a screen around a face is searched.

/** Side of the square grey picture in which the border is searched; the face's box is in its middle, upright. */
export const BORDER_VIEW_PX = 160;
/** Side of that square, in multiples of the longer side of the face's box. */
export const BORDER_VIEW_FACTOR = 3.6;
