// The frame of one screen: its heading, its actions, and its content.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { hasMovedFocus } from '../router.js';

export interface PageProps {
  title: string;
  /** One or two sentences below the heading. */
  lead?: ComponentChildren;
  /** Buttons beside the heading. */
  actions?: ComponentChildren;
  children?: ComponentChildren;
}

/**
 * Heading and content of a screen. The heading receives the focus when the screen is opened, so that screen readers read it; unless the
 * person has moved the focus while the screen was loaded.
 */
export function Page({ title, lead, actions, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Lintel`;
  }, [title]);
  useEffect(() => {
    if (!hasMovedFocus()) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <div class="page">
      <div class="page-head">
        <h1 tabIndex={-1} ref={heading}>
          {title}
        </h1>
        {actions && <div class="row">{actions}</div>}
      </div>
      {lead && <p class="lead">{lead}</p>}
      {children}
    </div>
  );
}

/** A group of content with a heading of its own. */
export function Card({
  title,
  actions,
  children,
  kind,
}: {
  title?: string;
  actions?: ComponentChildren;
  children?: ComponentChildren;
  kind?: 'warn' | 'bad';
}) {
  return (
    <section class={kind ? `card card-${kind}` : 'card'} aria-label={title}>
      {title !== undefined && (
        <div class="card-head">
          <h2>{title}</h2>
          {actions && <div class="row">{actions}</div>}
        </div>
      )}
      {children}
    </section>
  );
}
