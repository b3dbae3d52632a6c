// Block elements that act: buttons, overflow menus, and inputs that act as soon as they change.
import { useId, useState, type ReactNode } from "react";
import { fieldOf, initialState, spokenName } from "./control-state";
import { Control, Unsupported } from "./controls";
import { withEmoji } from "./emoji";
import { Icon } from "./icons";
import { Menu } from "./menu";
import { isSafeLink } from "./mrkdwn";
import { plain, type Block, type ControlState, type Element } from "./slack";
import { useAct, useSurface } from "./surface";
import { Text } from "./text";

export function ElementView({ element, block }: { element: Element; block: Block }): ReactNode {
  const blockId = block.block_id ?? "";
  switch (element.type) {
    case "button":
      return <ButtonElement element={element} blockId={blockId} />;
    case "overflow":
      return <Overflow element={element} blockId={blockId} />;
    case "image":
      return (
        <img
          className="element-image"
          src={element.image_url}
          alt={element.alt_text ?? ""}
          referrerPolicy="no-referrer"
        />
      );
    default:
      return fieldOf(element) ? <ActingControl element={element} block={block} /> : <Unsupported type={element.type} />;
  }
}

function ButtonElement({ element, blockId }: { element: Element; blockId: string }): ReactNode {
  const { busy, act } = useAct(blockId, element);
  const text = typeof element.text === "object" ? <Text text={element.text} /> : plain(element.text);
  const shared = { className: `button ${element.style ?? ""}`, "aria-label": element.accessibility_label };
  const value = element.value === undefined ? {} : { value: element.value };
  if (element.url !== undefined && isSafeLink(element.url))
    return (
      <a {...shared} href={element.url} target="_blank" rel="noopener noreferrer" onClick={() => void act(value)}>
        {text}
        <Icon name="link" size={14} />
      </a>
    );
  return (
    <button {...shared} type="button" data-action={element.action_id} aria-busy={busy} onClick={() => void act(value)}>
      {text}
    </button>
  );
}

function Overflow({ element, blockId }: { element: Element; blockId: string }): ReactNode {
  const { busy, act } = useAct(blockId, element);
  const items = (element.options ?? []).map((option) => ({
    key: option.value,
    content: <span>{withEmoji(option.text.text)}</span>,
    onSelect: () => {
      if (option.url !== undefined && isSafeLink(option.url)) window.open(option.url, "_blank", "noopener,noreferrer");
      void act({ selected_option: option });
    },
  }));
  const label = element.accessibility_label ?? "More actions";
  return (
    <Menu
      className="overflow"
      label={label}
      buttonLabel={label}
      busy={busy}
      items={items}
      button={<Icon name="dots" />}
    />
  );
}

/** An input outside of an input block: the choice is sent at once, and in a modal kept for the submission too. */
function ActingControl({ element, block }: { element: Element; block: Block }): ReactNode {
  const blockId = block.block_id ?? "";
  const { form } = useSurface();
  const { busy, act } = useAct(blockId, element);
  const [own, setOwn] = useState<ControlState>(() => initialState(element));
  const state = form?.stateOf(blockId, element) ?? own;
  const id = useId();
  const change = async (next: ControlState) => {
    const { type: _, ...what } = next;
    if (!(await act(what))) return;
    setOwn(next);
    form?.set(blockId, element.action_id ?? "", next);
  };
  return (
    <Control
      element={element}
      state={state}
      onChange={(next) => void change(next)}
      id={id}
      label={spokenName(element, block)}
      busy={busy}
    />
  );
}
