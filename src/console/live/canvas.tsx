// The canvas that shows the pictures of a camera, at the size of the newest one.
import type { Ref } from 'preact';

/** Draws a picture, and frees it. */
export function drawPicture(canvas: HTMLCanvasElement | null, picture: ImageBitmap): void {
  if (canvas) {
    if (canvas.width !== picture.width) canvas.width = picture.width;
    if (canvas.height !== picture.height) canvas.height = picture.height;
    canvas.getContext('2d')?.drawImage(picture, 0, 0);
  }
  picture.close();
}

export function PictureCanvas({ canvas, label }: { canvas: Ref<HTMLCanvasElement>; label: string }) {
  return <canvas ref={canvas} class="picture-canvas" role="img" aria-label={label} width={640} height={480} />;
}
