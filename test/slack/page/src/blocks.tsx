// Block Kit. Sections, contexts, actions and inputs are drawn here, because they hold mrkdwn, which must not lose a
// character of evidence, and elements, which must reach the app; pictures, because the page knows where uploads are. Every other block is slack-blocks-to-jsx's.
import { useId, type ReactNode } from "react";
import { Message as LibraryMessage, type Block as LibraryBlock } from "slack-blocks-to-jsx";
import { paths } from "./api";
import { fieldOf, spokenName } from "./control-state";
import { Control, Unsupported } from "./controls";
import { ElementView } from "./elements";
import { emojiCharacter } from "./emoji";
import type { Block, Element, TextObject } from "./slack";
import { useAct, useSurface } from "./surface";
import { Broadcast, ChannelMention, Emoji, ExternalLink, GroupMention, SlackDate, Text, UserMention } from "./text";
import { nameOf, useWorkspace } from "./workspace";

const libraryBlocks = new Set([
  "rich_text",
  "table",
  "markdown",
  "video",
  "alert",
  "card",
  "carousel",
  "container",
  "plan",
  "task_card",
  "data_visualization",
]);

export function Blocks({ blocks }: { blocks: Block[] }): ReactNode {
  return (
    <div className="blocks">
      {blocks.map((block, i) => (
        <div key={block.block_id ?? i} className={`block block-${block.type}`}>
          <BlockView block={block} />
        </div>
      ))}
    </div>
  );
}

function BlockView({ block }: { block: Block }): ReactNode {
  switch (block.type) {
    case "section":
      return <Section block={block} />;
    case "header":
      return <h3>{block.text && <Text text={block.text} />}</h3>;
    case "divider":
      return <hr />;
    case "context":
      return (block.elements ?? []).map((element, i) => <ContextElement key={i} element={element} block={block} />);
    case "actions":
      return (block.elements ?? []).map((element, i) => (
        <ElementView key={element.action_id ?? i} element={element} block={block} />
      ));
    case "image":
      return <Picture block={block} />;
    case "input":
      return <Input block={block} />;
    default:
      return libraryBlocks.has(block.type) ? <FromLibrary block={block} /> : <Unsupported type={block.type} />;
  }
}

function Section({ block }: { block: Block }): ReactNode {
  return (
    <>
      <div className="section-text">
        {block.text && <Text text={block.text} />}
        {block.fields && (
          <div className="fields">
            {block.fields.map((field, i) => (
              <div key={i}>
                <Text text={field} />
              </div>
            ))}
          </div>
        )}
      </div>
      {block.accessory && (
        <div className={`accessory accessory-${block.accessory.type}`}>
          <ElementView element={block.accessory} block={block} />
        </div>
      )}
    </>
  );
}

function ContextElement({ element, block }: { element: Element; block: Block }): ReactNode {
  if (element.type === "mrkdwn" || element.type === "plain_text")
    return <Text text={element as unknown as TextObject} />;
  return <ElementView element={element} block={block} />;
}

function Input({ block }: { block: Block }): ReactNode {
  const { form } = useSurface();
  const id = useId();
  const blockId = block.block_id ?? "";
  const element = block.element;
  const { act } = useAct(blockId, element ?? { type: "none" });
  if (element === undefined) return null;
  if (form === undefined) return <Unsupported type={`input block ${blockId} outside of a modal`} />;
  const error = form.errors[blockId];
  const described = [block.hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  const isGroup =
    element.type === "radio_buttons" || element.type === "checkboxes" || element.type.startsWith("multi_");
  const label = (
    <>
      {block.label && <Text text={block.label} />}
      {block.optional && <span className="optional"> (optional)</span>}
    </>
  );
  return (
    <div className={error ? "field invalid" : "field"} data-block={blockId}>
      {isGroup ? (
        <span className="label">{label}</span>
      ) : (
        <label className="label" htmlFor={id}>
          {label}
        </label>
      )}
      {fieldOf(element) ? (
        <Control
          element={element}
          state={form.stateOf(blockId, element)}
          onChange={(next) => {
            form.set(blockId, element.action_id ?? "", next);
            const { type: _, ...what } = next;
            if (block.dispatch_action && next.value === undefined) void act(what);
          }}
          id={id}
          label={isGroup ? spokenName(element, block) : undefined}
          describedBy={described}
          invalid={error !== undefined}
        />
      ) : (
        <Unsupported type={element.type} />
      )}
      {error && (
        <p className="field-error" id={`${id}-error`} role="alert">
          {error}
        </p>
      )}
      {block.hint && (
        <p className="hint" id={`${id}-hint`}>
          <Text text={block.hint} />
        </p>
      )}
    </div>
  );
}

/** A picture with its title. An uploaded one is behind the app's token; the control API gives it without. */
function Picture({ block }: { block: Block }): ReactNode {
  const uploaded =
    block.slack_file && (block.slack_file.id ?? /\/files-pri\/([^/]+)\//.exec(block.slack_file.url ?? "")?.[1]);
  return (
    <figure className="picture">
      {block.title && (
        <figcaption>
          <Text text={block.title} />
        </figcaption>
      )}
      <img
        src={uploaded === undefined ? block.image_url : paths.file(uploaded)}
        alt={block.alt_text ?? ""}
        referrerPolicy="no-referrer"
      />
    </figure>
  );
}

/** A block as slack-blocks-to-jsx draws it, with the page's own mentions, emoji and guarded links. */
function FromLibrary({ block }: { block: Block }): ReactNode {
  const { state, theme } = useWorkspace();
  return (
    <LibraryMessage
      withoutWrapper
      logo=""
      name=""
      theme={theme}
      blocks={[block as unknown as LibraryBlock]}
      data={{
        users: state.users.map((user) => ({ id: user.id, name: nameOf(user) })),
        channels: state.channels.map((channel) => ({ id: channel.id, name: channel.name })),
        user_groups: (state.usergroups ?? []).map((group) => ({ id: group.id, name: group.handle })),
      }}
      hooks={{
        user: ({ id, name }) => <UserMention id={id} label={name} />,
        channel: ({ id, name }) => <ChannelMention id={id} label={name} />,
        usergroup: ({ id, name }) => <GroupMention id={id} label={name} />,
        atHere: () => <Broadcast range="here" />,
        atChannel: () => <Broadcast range="channel" />,
        atEveryone: () => <Broadcast range="everyone" />,
        emoji: (data) => {
          const character = emojiCharacter(data.name);
          return character === undefined ? <>{`:${data.name}:`}</> : <Emoji character={character} name={data.name} />;
        },
        date: ({ timestamp, format, link, fallback }) => (
          <SlackDate seconds={Number(timestamp)} format={format} href={link ?? undefined} fallback={fallback} />
        ),
        link: ({ href, children }) => <ExternalLink href={href}>{children}</ExternalLink>,
      }}
    />
  );
}
