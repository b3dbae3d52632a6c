// Dialogs: the browser's own <dialog>, which keeps the focus inside; and the question before a dangerous click.
import { createContext, useCallback, useContext, useEffect, useId, useRef, useState, type ReactNode } from "react";
import type { Confirm } from "./slack";
import { Text } from "./text";

export function Dialog({
  className,
  labelledBy,
  onCancel,
  children,
}: {
  className: string;
  labelledBy: string;
  onCancel: () => void;
  children: ReactNode;
}): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    if (element === null) return;
    element.showModal();
    element.querySelector<HTMLElement>("[data-autofocus], .modal-body :is(input, textarea, select, button)")?.focus();
    return () => element.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className={`dialog ${className}`}
      aria-labelledby={labelledBy}
      onCancel={(event) => {
        // The server decides what is open; the page only asks.
        event.preventDefault();
        onCancel();
      }}
    >
      {children}
    </dialog>
  );
}

type Ask = (question: Confirm) => Promise<boolean>;

const AskContext = createContext<Ask>(() => Promise.resolve(false));

export const useAsk = (): Ask => useContext(AskContext);

export function AskProvider({ children }: { children: ReactNode }): ReactNode {
  const [open, setOpen] = useState<{ question: Confirm; answer: (yes: boolean) => void }>();
  const title = useId();
  const ask = useCallback<Ask>((question) => new Promise((answer) => setOpen({ question, answer })), []);
  const answer = (yes: boolean) => {
    open?.answer(yes);
    setOpen(undefined);
  };
  return (
    <AskContext.Provider value={ask}>
      {children}
      {open && (
        <Dialog className="confirm" labelledBy={title} onCancel={() => answer(false)}>
          <h2 id={title}>
            <Text text={open.question.title} />
          </h2>
          <div className="confirm-text">
            <Text text={open.question.text} />
          </div>
          <div className="dialog-buttons">
            <button type="button" className="button" onClick={() => answer(false)}>
              {open.question.deny ? <Text text={open.question.deny} /> : "Cancel"}
            </button>
            <button
              type="button"
              className={`button ${open.question.style ?? "primary"}`}
              data-autofocus
              onClick={() => answer(true)}
            >
              {open.question.confirm ? <Text text={open.question.confirm} /> : "Yes"}
            </button>
          </div>
        </Dialog>
      )}
    </AskContext.Provider>
  );
}
