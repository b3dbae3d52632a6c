// The message box. Enter sends, Shift+Enter breaks the line, "/" offers the app's commands.
import { useId, useLayoutEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { actions, refusal, type Channel, type Command } from "./api";
import { Icon } from "./icons";
import { useWorkspace } from "./workspace";

const drafts = new Map<string, string>();

interface Props {
  channel: Channel;
  thread?: string;
  placeholder: string;
}

export function Composer({ channel, thread, placeholder }: Props): ReactNode {
  const { state, me } = useWorkspace();
  const place = `${me.id}/${channel.id}/${thread ?? ""}`;
  const [text, setText] = useState(() => drafts.get(place) ?? "");
  const [error, setError] = useState<string>();
  const [picked, setPicked] = useState(0);
  const [dismissed, setDismissed] = useState(false);
  const box = useRef<HTMLTextAreaElement>(null);
  const id = useId();

  const write = (next: string) => {
    setText(next);
    setError(undefined);
    setDismissed(false);
    if (next === "") drafts.delete(place);
    else drafts.set(place, next);
  };

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight, 200)}px`;
  }, [text]);

  const offered = dismissed ? [] : matching(state.commands ?? [], text);
  const choosing = offered.length > 0 && !offered.some((command) => command.command === text.split(" ")[0]);
  const at = Math.min(picked, offered.length - 1);

  const complete = (command: Command) => {
    write(`${command.command} `);
    box.current?.focus();
  };

  const send = async () => {
    const wanted = text.trim();
    if (wanted === "") return;
    write("");
    const answer = wanted.startsWith("/")
      ? await actions.command(me.id, channel.id, wanted, thread)
      : await actions.message(me.id, channel.id, wanted, thread);
    if (answer.ok) return;
    setError(refusal(answer));
    // What was typed comes back, unless something else is already being typed.
    setText((now) => now || wanted);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (choosing && (event.key === "ArrowDown" || event.key === "ArrowUp"))
      setPicked((at + (event.key === "ArrowDown" ? 1 : offered.length - 1)) % offered.length);
    else if (choosing && (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey)))
      complete(offered[at] as Command);
    else if (offered.length > 0 && event.key === "Escape") setDismissed(true);
    else if (event.key === "Enter" && !event.shiftKey) void send();
    else return;
    event.preventDefault();
  };

  return (
    <div className="composer">
      {offered.length > 0 && (
        <div className="commands">
          <p className="commands-title" id={`${id}-title`}>
            Commands
          </p>
          <div role="listbox" id={`${id}-list`} aria-labelledby={`${id}-title`}>
            {offered.map((command, i) => (
              <div
                key={command.command}
                id={`${id}-${i}`}
                role="option"
                aria-selected={i === at}
                className="command"
                onPointerDown={(event) => event.preventDefault()}
                onClick={() => complete(command)}
              >
                <span>
                  <b>{command.command}</b> <span className="usage">{command.usage_hint}</span>
                </span>
                <span className="muted">{command.description}</span>
              </div>
            ))}
          </div>
        </div>
      )}
      <form
        className="composer-box"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <textarea
          ref={box}
          rows={1}
          value={text}
          placeholder={placeholder}
          aria-label={placeholder}
          aria-autocomplete="list"
          aria-controls={offered.length > 0 ? `${id}-list` : undefined}
          aria-activedescendant={choosing ? `${id}-${at}` : undefined}
          aria-describedby={error && `${id}-error`}
          onChange={(event) => write(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <button type="submit" className="send" aria-label="Send" disabled={text.trim() === ""}>
          <Icon name="send" />
        </button>
      </form>
      {error && (
        <p className="composer-error" id={`${id}-error`} role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

/** The commands that what is typed may become, or is. */
function matching(commands: Command[], text: string): Command[] {
  if (!text.startsWith("/") || text.includes("\n")) return [];
  const word = text.split(" ")[0] ?? "";
  return commands.filter((command) =>
    text.includes(" ") ? command.command === word : command.command.startsWith(word),
  );
}
