// A button that opens a list of choices: overflow menus and the person switcher.
import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";

export interface MenuItem {
  key: string;
  content: ReactNode;
  onSelect: () => void;
  /** Set where one of the items is the chosen one. */
  checked?: boolean;
}

interface Props {
  label: string;
  /** Set when the button shows an icon alone; otherwise its content names it. */
  buttonLabel?: string;
  className?: string;
  button: ReactNode;
  items: MenuItem[];
  busy?: boolean;
  above?: boolean;
}

export function Menu({ label, buttonLabel, className = "", button, items, busy, above }: Props): ReactNode {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const trigger = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!open) return;
    const entries = root.current?.querySelectorAll<HTMLElement>("[role^=menuitem]");
    const chosen = [...(entries ?? [])].find((entry) => entry.ariaChecked === "true");
    (chosen ?? entries?.[0])?.focus();
    const outside = (event: PointerEvent) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [open]);

  const leave = () => {
    setOpen(false);
    trigger.current?.focus();
  };

  const onKey = (event: KeyboardEvent) => {
    const entries = [...(root.current?.querySelectorAll<HTMLElement>("[role^=menuitem]") ?? [])];
    const at = entries.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: entries.length - 1 }[event.key];
    if (event.key === "Escape") {
      event.stopPropagation();
      leave();
    } else if (event.key === "Tab") setOpen(false);
    else if (to !== undefined) entries[(to + entries.length) % entries.length]?.focus();
    else return;
    if (event.key !== "Tab") event.preventDefault();
  };

  return (
    <div className={`menu ${className}`} ref={root}>
      <button
        ref={trigger}
        type="button"
        className="menu-button"
        aria-label={buttonLabel}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-busy={busy}
        onClick={() => setOpen(!open)}
      >
        {button}
      </button>
      {open && (
        <div className={above ? "menu-list above" : "menu-list"} role="menu" aria-label={label} onKeyDown={onKey}>
          {items.map((item) => (
            <button
              key={item.key}
              type="button"
              className="menu-item"
              tabIndex={-1}
              role={item.checked === undefined ? "menuitem" : "menuitemradio"}
              aria-checked={item.checked}
              onClick={() => {
                leave();
                item.onSelect();
              }}
            >
              {item.content}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
