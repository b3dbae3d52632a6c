// Shows text objects: mrkdwn as parsed by mrkdwn.ts, plain text with its emoji.
import { Fragment, type ReactNode } from "react";
import { fullTime, slackDate } from "./dates";
import { withEmoji } from "./emoji";
import { isSafeLink, parseMrkdwn, type Inline, type Paragraph } from "./mrkdwn";
import { channelHash } from "./route";
import type { TextObject } from "./slack";
import { channelOf, groupOf, nameOf, personOf, useWorkspace } from "./workspace";

export function Text({ text }: { text: TextObject }): ReactNode {
  if (text.type === "mrkdwn") return <Mrkdwn text={text.text} verbatim={text.verbatim} />;
  return <span className="plain">{text.emoji === false ? text.text : withEmoji(text.text)}</span>;
}

export function Mrkdwn({ text, verbatim }: { text: string; verbatim?: boolean }): ReactNode {
  return (
    <div className="mrkdwn">
      {parseMrkdwn(text, { verbatim }).map((paragraph, i) => (
        <ParagraphView key={i} paragraph={paragraph} />
      ))}
    </div>
  );
}

function ParagraphView({ paragraph }: { paragraph: Paragraph }): ReactNode {
  const children = <InlineList nodes={paragraph.children} />;
  if (paragraph.kind === "pre") return <pre>{children}</pre>;
  if (paragraph.kind === "quote") return <blockquote>{children}</blockquote>;
  return <div className="paragraph">{children}</div>;
}

function InlineList({ nodes }: { nodes: Inline[] }): ReactNode {
  return nodes.map((node, i) => <Fragment key={i}>{inline(node)}</Fragment>);
}

function inline(node: Inline): ReactNode {
  switch (node.kind) {
    case "text":
      return node.text;
    case "break":
      return <br />;
    case "emoji":
      return <Emoji character={node.character} name={node.name} />;
    case "bold":
      return (
        <strong>
          <InlineList nodes={node.children} />
        </strong>
      );
    case "italic":
      return (
        <em>
          <InlineList nodes={node.children} />
        </em>
      );
    case "strike":
      return (
        <s>
          <InlineList nodes={node.children} />
        </s>
      );
    case "code":
      return (
        <code>
          <InlineList nodes={node.children} />
        </code>
      );
    case "link":
      return (
        <ExternalLink href={node.href}>
          <InlineList nodes={node.children} />
        </ExternalLink>
      );
    case "user":
      return <UserMention id={node.id} label={node.label} />;
    case "channel":
      return <ChannelMention id={node.id} label={node.label} />;
    case "group":
      return <GroupMention id={node.id} label={node.label} />;
    case "broadcast":
      return <Broadcast range={node.range} />;
    case "date":
      return <SlackDate seconds={node.seconds} format={node.format} href={node.href} fallback={node.fallback} />;
  }
}

export function Emoji({ character, name }: { character: string; name: string }): ReactNode {
  return (
    <span className="emoji" role="img" aria-label={name.replaceAll("_", " ")} title={`:${name}:`}>
      {character}
    </span>
  );
}

/** A link out of the workspace; anything but http, mailto and tel is shown as its text alone. */
export function ExternalLink({ href, children }: { href: string; children: ReactNode }): ReactNode {
  if (!isSafeLink(href)) return children;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  );
}

export function UserMention({ id, label }: { id: string; label?: string }): ReactNode {
  const { state, me } = useWorkspace();
  const person = personOf(state, id);
  const name = person ? nameOf(person) : id === state.bot.user_id ? state.bot.name : (label ?? id);
  return <span className={id === me.id ? "mention mine" : "mention"}>@{name}</span>;
}

export function ChannelMention({ id, label }: { id: string; label?: string }): ReactNode {
  const { state } = useWorkspace();
  const channel = channelOf(state, id);
  if (channel)
    return (
      <a className="mention" href={channelHash(id)}>
        #{channel.name}
      </a>
    );
  return <span className="mention">#{label ?? id}</span>;
}

export function GroupMention({ id, label }: { id: string; label?: string }): ReactNode {
  const { state, me } = useWorkspace();
  const group = groupOf(state, id);
  const mine = group?.users?.includes(me.id) ?? false;
  return <span className={mine ? "mention mine" : "mention"}>@{group?.handle ?? label?.replace(/^@/, "") ?? id}</span>;
}

export function Broadcast({ range }: { range: string }): ReactNode {
  return <span className="mention mine">@{range}</span>;
}

export function SlackDate({
  seconds,
  format,
  href,
  fallback,
}: {
  seconds: number;
  format: string;
  href?: string;
  fallback: string;
}): ReactNode {
  const shown = (
    <time dateTime={new Date(seconds * 1000).toISOString()} title={fullTime(seconds * 1000)}>
      {slackDate(seconds, format) ?? fallback}
    </time>
  );
  return href === undefined ? shown : <ExternalLink href={href}>{shown}</ExternalLink>;
}
