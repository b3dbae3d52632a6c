// The right pane: one thread and the box to reply in.
import { type ReactNode } from "react";
import { paths, type Channel, type Messages } from "./api";
import { Composer } from "./composer";
import { Icon } from "./icons";
import { useLive } from "./live";
import { MessageView } from "./message";
import { usePinned } from "./pinned";
import { channelHash } from "./route";
import { titleOf, useWorkspace } from "./workspace";

export function ThreadPane({ channel, ts }: { channel: Channel; ts: string }): ReactNode {
  const { me, state } = useWorkspace();
  const { data, error } = useLive<Messages>(
    paths.thread(channel.id, ts, me.id),
    (event) =>
      event.channel === channel.id && (event.thread_ts === undefined || event.thread_ts === ts || event.ts === ts),
  );
  const messages = data?.messages ?? [];
  const replies = messages[0]?.reply_count ?? 0;
  const { list, behind, toEnd, onScroll } = usePinned(`${channel.id}/${ts}`, messages.at(-1)?.ts);
  return (
    <aside className="pane thread-pane" aria-label="Thread">
      <header className="pane-head">
        <h2>Thread</h2>
        <p className="topic">{titleOf(channel, state)}</p>
        <a className="quiet-button close" href={channelHash(channel.id)} aria-label="Close the thread">
          <Icon name="close" />
        </a>
      </header>
      <div className="scroller">
        <div
          className="messages"
          ref={list}
          onScroll={onScroll}
          tabIndex={0}
          role="log"
          aria-label="Messages in the thread"
        >
          <div className="messages-content">
            {error && <p className="note">{error}</p>}
            {messages.map((message, i) => (
              <div key={`${message.ts}${message.is_ephemeral ? "e" : ""}`}>
                <MessageView message={message} channel={channel.id} inThread />
                {i === 0 && replies > 0 && (
                  <div className="reply-count">
                    <span>{replies === 1 ? "1 reply" : `${replies} replies`}</span>
                  </div>
                )}
              </div>
            ))}
          </div>
        </div>
        {behind && (
          <button type="button" className="jump" onClick={toEnd}>
            New replies <Icon name="down" size={14} />
          </button>
        )}
      </div>
      {!channel.is_archived && <Composer key={`${me.id}/${ts}`} channel={channel} thread={ts} placeholder="Reply…" />}
    </aside>
  );
}
