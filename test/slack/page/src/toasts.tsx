// Short notes at the bottom of the page: what the server announces, and what was refused.
import { useCallback, useEffect, useRef, useState, type ReactNode } from "react";
import { Icon } from "./icons";
import { useEvents } from "./live";

const shownFor = 8000; // milliseconds

export interface Toast {
  id: number;
  text: string;
}

let lastToast = 0;

export function useToasts(me: string | undefined): {
  toasts: Toast[];
  notify: (text: string) => void;
  dismiss: (id: number) => void;
} {
  const [toasts, setToasts] = useState<Toast[]>([]);
  const dismiss = useCallback((id: number) => setToasts((all) => all.filter((toast) => toast.id !== id)), []);
  const notify = useCallback(
    (text: string) => {
      const id = ++lastToast;
      setToasts((all) => (all.some((toast) => toast.text === text) ? all : [...all.slice(-3), { id, text }]));
      setTimeout(() => dismiss(id), shownFor);
    },
    [dismiss],
  );
  useEvents((event) => {
    if (event.type === "notice" && event.text && (event.user === undefined || event.user === me)) notify(event.text);
  });
  return { toasts, notify, dismiss };
}

/** A popover, so that the notes stay in sight over an open modal. */
export function Toasts({
  toasts,
  online,
  dismiss,
}: {
  toasts: Toast[];
  online: boolean;
  dismiss: (id: number) => void;
}): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const newest = toasts.at(-1)?.id;
  useEffect(() => {
    // Shown again, so that it comes above a dialog opened since.
    box.current?.hidePopover();
    box.current?.showPopover();
  }, [newest, online]);
  return (
    <div ref={box} className="toasts" popover="manual" role="status" aria-live="polite">
      {!online && <div className="toast offline">The connection to the workspace is lost. Reconnecting…</div>}
      {toasts.map((toast) => (
        <div key={toast.id} className="toast">
          <span>{toast.text}</span>
          <button type="button" className="quiet-button" aria-label="Dismiss" onClick={() => dismiss(toast.id)}>
            <Icon name="close" size={14} />
          </button>
        </div>
      ))}
    </div>
  );
}
