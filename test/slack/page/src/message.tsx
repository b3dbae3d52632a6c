// One message: who, when, its blocks or text, attachments, files, reactions, and the way into its thread.
import { memo, type ReactNode } from "react";
import { actions, refusal } from "./api";
import { Avatar } from "./avatar";
import { Blocks } from "./blocks";
import { ago, clockTime, fullTime } from "./dates";
import { emojiCharacter } from "./emoji";
import { Files } from "./files";
import { Icon } from "./icons";
import { channelHash } from "./route";
import { millis, type Attachment, type Message } from "./slack";
import { SurfaceProvider } from "./surface";
import { ExternalLink, Mrkdwn } from "./text";
import { authorOf, personOf, useWorkspace } from "./workspace";

interface Props {
  message: Message;
  channel: string;
  /** Under another message of the same author, so without avatar and name. */
  compact?: boolean;
  /** Shown in a thread pane, so without the way into it. */
  inThread?: boolean;
}

export const MessageView = memo(function MessageView({ message, channel, compact, inThread }: Props): ReactNode {
  const { state } = useWorkspace();
  const author = authorOf(state, message);
  const at = millis(message.ts);
  const time = (
    <time className="time" dateTime={new Date(at).toISOString()} title={fullTime(at)}>
      {clockTime(at)}
    </time>
  );
  return (
    <article
      className={`message${compact ? " compact" : ""}${message.is_ephemeral ? " ephemeral" : ""}`}
      data-ts={message.ts}
      aria-label={`${author.name}, ${clockTime(at)}`}
    >
      <div className="message-side">
        {compact ? time : <Avatar name={author.name} color={author.color} isApp={author.isApp} />}
      </div>
      <div className="message-main">
        {message.is_ephemeral && (
          <p className="ephemeral-note">
            <Icon name="eye" size={14} /> Only visible to you
          </p>
        )}
        {!compact && (
          <header className="message-head">
            <span className="author">{author.name}</span>
            {author.isApp && <span className="badge">APP</span>}
            {author.title && !author.isApp && <span className="author-title">{author.title}</span>}
            {time}
            {message.blocks?.length ? <Edited message={message} /> : null}
          </header>
        )}
        <MessageBody message={message} channel={channel} />
        <Reactions message={message} channel={channel} />
        {!inThread && !message.is_ephemeral && <ThreadLink message={message} channel={channel} />}
      </div>
      {!inThread && !message.is_ephemeral && (
        <a
          className="hover-action quiet-button"
          href={channelHash(channel, message.ts)}
          aria-label={`Reply in thread to ${author.name}, ${clockTime(at)}`}
        >
          <Icon name="reply" />
        </a>
      )}
    </article>
  );
});

function MessageBody({ message, channel }: { message: Message; channel: string }): ReactNode {
  const system = message.subtype === "channel_join" || message.subtype === "channel_leave";
  return (
    <SurfaceProvider value={{ channel, message_ts: message.ts }}>
      <div className={system ? "body system" : "body"}>
        {message.blocks?.length ? (
          <Blocks blocks={message.blocks} />
        ) : (
          message.text && (
            <div className="said">
              <Mrkdwn text={message.text} />
              <Edited message={message} />
            </div>
          )
        )}
        {message.attachments?.map((attachment, i) => (
          <AttachmentView key={i} attachment={attachment} />
        ))}
        {message.files && message.files.length > 0 && <Files files={message.files} />}
      </div>
    </SurfaceProvider>
  );
}

function Edited({ message }: { message: Message }): ReactNode {
  return (
    message.edited && (
      <span className="edited" title={fullTime(millis(message.edited.ts))}>
        (edited)
      </span>
    )
  );
}

const namedColors: Record<string, string> = { good: "#2eb67d", warning: "#daa038", danger: "#d0324b" };

function AttachmentView({ attachment }: { attachment: Attachment }): ReactNode {
  const color =
    namedColors[attachment.color ?? ""] ??
    (/^#?[0-9a-f]{6}$/i.test(attachment.color ?? "") ? attachment.color?.replace(/^#?/, "#") : undefined);
  const title = attachment.title && <Mrkdwn text={attachment.title} />;
  return (
    <div>
      {attachment.pretext && <Mrkdwn text={attachment.pretext} />}
      <div className="attachment" style={{ borderLeftColor: color }}>
        {title && (
          <strong>
            {attachment.title_link ? (
              <ExternalLink href={attachment.title_link}>{attachment.title}</ExternalLink>
            ) : (
              title
            )}
          </strong>
        )}
        {attachment.text && <Mrkdwn text={attachment.text} />}
        {attachment.blocks && <Blocks blocks={attachment.blocks} />}
        {attachment.fields && (
          <div className="fields">
            {attachment.fields.map((field, i) => (
              <div key={i}>
                <strong>{field.title}</strong>
                <Mrkdwn text={field.value} />
              </div>
            ))}
          </div>
        )}
        {attachment.footer && <small className="muted">{attachment.footer}</small>}
      </div>
    </div>
  );
}

function Reactions({ message, channel }: { message: Message; channel: string }): ReactNode {
  const { state, me, notify } = useWorkspace();
  if (!message.reactions?.length) return null;
  return (
    <div className="reactions">
      {message.reactions.map((reaction) => {
        const mine = reaction.users.includes(me.id);
        const who = reaction.users
          .map((id) => (id === me.id ? "you" : (personOf(state, id)?.real_name ?? state.bot.name)))
          .join(", ");
        const toggle = async () => {
          const answer = await actions.react(me.id, channel, message.ts, reaction.name, mine);
          if (!answer.ok) notify(refusal(answer));
        };
        return (
          <button
            key={reaction.name}
            type="button"
            className="reaction"
            aria-pressed={mine}
            title={`${who} reacted with :${reaction.name}:`}
            aria-label={`${reaction.name.replaceAll("_", " ")}, ${reaction.count}, by ${who}`}
            onClick={() => void toggle()}
          >
            <span className="emoji">{emojiCharacter(reaction.name) ?? `:${reaction.name}:`}</span> {reaction.count}
          </button>
        );
      })}
    </div>
  );
}

function ThreadLink({ message, channel }: { message: Message; channel: string }): ReactNode {
  const { state } = useWorkspace();
  if (!message.reply_count) return null;
  const faces = (message.reply_users ?? []).slice(0, 4);
  return (
    <a className="thread-link" href={channelHash(channel, message.ts)}>
      {faces.map((id) => {
        const author = authorOf(state, { type: "message", ts: "0", user: id });
        return <Avatar key={id} name={author.name} color={author.color} isApp={author.isApp} size={22} />;
      })}
      <span className="replies">{message.reply_count === 1 ? "1 reply" : `${message.reply_count} replies`}</span>
      {message.latest_reply && <span className="muted">Last reply {ago(millis(message.latest_reply))}</span>}
    </a>
  );
}
