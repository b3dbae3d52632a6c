// The middle pane: a channel's messages by day, and the box to write in.
import { type ReactNode } from "react";
import { actions, paths, refusal, type Channel, type Messages } from "./api";
import { Composer } from "./composer";
import { dayHeading, sameDay } from "./dates";
import { Icon } from "./icons";
import { useLive } from "./live";
import { MessageView } from "./message";
import { usePinned } from "./pinned";
import { channelHash } from "./route";
import { millis, type Message } from "./slack";
import { titleOf, useWorkspace } from "./workspace";

const groupWithin = 5 * 60_000; // milliseconds between messages of one author that are shown as one

export function ChannelPane({ channel }: { channel: Channel }): ReactNode {
  const { me, state } = useWorkspace();
  const { data, error } = useLive<Messages>(
    paths.messages(channel.id, me.id),
    (event) =>
      event.channel === channel.id && (event.user === undefined || event.user === me.id || event.type !== "ephemeral"),
  );
  return (
    <main className="pane channel-pane" aria-label={titleOf(channel, state)}>
      <header className="pane-head">
        <a className="quiet-button phone-only" href="#/" aria-label="Back to the list of channels">
          <Icon name="back" />
        </a>
        <h1>
          {channel.is_im ? (
            state.bot.name
          ) : (
            <>
              <Icon name={channel.is_archived ? "archive" : "hash"} />
              {channel.name}
            </>
          )}
        </h1>
        {channel.topic && <p className="topic">{channel.topic}</p>}
        {!channel.is_im && <span className="members muted">{channel.members?.length ?? 0} members</span>}
      </header>
      <MessageList channel={channel} messages={data?.messages ?? []} note={error ?? (data ? undefined : "Loading…")} />
      <Write channel={channel} />
    </main>
  );
}

function MessageList({ channel, messages, note }: { channel: Channel; messages: Message[]; note?: string }): ReactNode {
  const { state } = useWorkspace();
  const { list, behind, toEnd, onScroll } = usePinned(channel.id, messages.at(-1)?.ts);
  return (
    <div className="scroller">
      <div
        className="messages"
        ref={list}
        onScroll={onScroll}
        tabIndex={0}
        role="log"
        aria-label={`Messages in ${titleOf(channel, state)}`}
      >
        <div className="messages-content">
          {note !== undefined && <p className="note">{note}</p>}
          {note === undefined && messages.length === 0 && <Welcome channel={channel} />}
          {messages.map((message, i) => {
            const before = messages[i - 1];
            const newDay = before === undefined || !sameDay(millis(before.ts), millis(message.ts));
            return (
              <div key={`${message.ts}${message.is_ephemeral ? "e" : ""}`}>
                {newDay && (
                  <div className="day">
                    <span>{dayHeading(millis(message.ts))}</span>
                  </div>
                )}
                <MessageView message={message} channel={channel.id} compact={!newDay && follows(before, message)} />
              </div>
            );
          })}
        </div>
      </div>
      {behind && (
        <button type="button" className="jump" onClick={toEnd}>
          New messages <Icon name="down" size={14} />
        </button>
      )}
    </div>
  );
}

function follows(before: Message, message: Message): boolean {
  return (
    before.user === message.user &&
    before.bot_id === message.bot_id &&
    !before.is_ephemeral &&
    !message.is_ephemeral &&
    !before.reply_count &&
    millis(message.ts) - millis(before.ts) < groupWithin &&
    !message.blocks?.length
  );
}

function Welcome({ channel }: { channel: Channel }): ReactNode {
  const { state } = useWorkspace();
  return (
    <div className="welcome">
      <h2>{titleOf(channel, state)}</h2>
      <p>Nothing has been said here yet.</p>
    </div>
  );
}

function Write({ channel }: { channel: Channel }): ReactNode {
  const { me, notify, state } = useWorkspace();
  if (channel.is_archived)
    return (
      <p className="closed">
        <Icon name="archive" /> This channel is archived. Nobody can write here.
      </p>
    );
  if (channel.members && !channel.is_im && !channel.members.includes(me.id)) {
    const join = async () => {
      const answer = await actions.join(me.id, channel.id);
      if (!answer.ok) notify(refusal(answer));
    };
    return (
      <p className="closed">
        You are not in #{channel.name}.{" "}
        <button type="button" className="button primary" onClick={() => void join()}>
          Join channel
        </button>
      </p>
    );
  }
  return (
    <Composer
      key={`${me.id}/${channelHash(channel.id)}`}
      channel={channel}
      placeholder={`Message ${titleOf(channel, state)}`}
    />
  );
}
