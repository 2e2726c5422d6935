// Whether the page, and a part of it, can be seen: what cannot be seen asks for no pictures.
import { signal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** False while the page is in the background. */
export const pageVisible = signal(!document.hidden);

document.addEventListener('visibilitychange', () => {
  pageVisible.value = !document.hidden;
});

/** Tells whether an element can be seen: the page is in the foreground, and the element within the window. */
export function useVisible(element: RefObject<Element | null>): boolean {
  const [isInView, setInView] = useState(false);
  useEffect(() => {
    if (!element.current) return;
    const observer = new IntersectionObserver((entries) => setInView(entries.at(-1)?.isIntersecting === true));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return isInView && pageVisible.value;
}
