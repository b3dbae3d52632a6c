// The left rail: the workspace, its channels with what is unread, the app, and who acts.
import type { ReactNode } from "react";
import type { Channel } from "./api";
import { Avatar } from "./avatar";
import { Icon } from "./icons";
import { Menu } from "./menu";
import { channelHash, type Route } from "./route";
import { nameOf, people, useWorkspace } from "./workspace";

interface Props {
  route: Route;
  shown: string | undefined;
  unread: Record<string, number>;
  onUser: (id: string) => void;
  onTheme: () => void;
}

export function Rail({ route, shown, unread, onUser, onTheme }: Props): ReactNode {
  const { state, me, theme } = useWorkspace();
  const channels = state.channels.filter((channel) => !channel.is_im);
  const direct = state.channels.find((channel) => channel.is_im && channel.user === me.id);
  return (
    <nav className="rail" aria-label="Workspace">
      <header className="rail-head">
        <span className="team-mark" aria-hidden="true">
          {state.team.name.charAt(0)}
        </span>
        <span className="team-name">{state.team.name}</span>
        <button
          type="button"
          className="quiet-button"
          aria-label={theme === "dark" ? "Use light colours" : "Use dark colours"}
          onClick={onTheme}
        >
          <Icon name={theme === "dark" ? "sun" : "moon"} />
        </button>
      </header>
      <div className="rail-scroll">
        <h2>Channels</h2>
        <ul>
          {channels.map((channel) => (
            <li key={channel.id}>
              <ChannelLink channel={channel} current={shown === channel.id} unread={unread[channel.id] ?? 0} />
            </li>
          ))}
        </ul>
        <h2>Apps</h2>
        <ul>
          <li>
            <a className="rail-link" href="#/home" aria-current={route.at === "home" ? "page" : undefined}>
              <Avatar name={state.bot.name} color="" isApp size={20} />
              <span className="rail-name">{state.bot.name}</span>
              {direct && (unread[direct.id] ?? 0) > 0 && <UnreadBadge count={unread[direct.id] ?? 0} />}
              <span className={state.sockets > 0 ? "presence on" : "presence"} title={presence(state.sockets)}>
                <span className="spoken">{presence(state.sockets)}</span>
              </span>
            </a>
          </li>
          {direct && (
            <li>
              <a
                className="rail-link"
                href={channelHash(direct.id)}
                aria-current={shown === direct.id ? "page" : undefined}
              >
                <Icon name="reply" />
                <span className="rail-name">Messages</span>
              </a>
            </li>
          )}
        </ul>
      </div>
      <Menu
        className="switcher"
        above
        label="Act as"
        button={
          <>
            <span className="spoken">You act as</span>
            <PersonLine name={nameOf(me)} title={me.title} color={me.color} />
          </>
        }
        items={people(state).map((person) => ({
          key: person.id,
          checked: person.id === me.id,
          content: <PersonLine name={nameOf(person)} title={person.title} color={person.color} />,
          onSelect: () => onUser(person.id),
        }))}
      />
    </nav>
  );
}

function presence(sockets: number): string {
  return sockets === 0 ? "not connected" : sockets === 1 ? "connected, 1 socket" : `connected, ${sockets} sockets`;
}

function PersonLine({ name, title, color }: { name: string; title: string; color: string }): ReactNode {
  return (
    <span className="person">
      <Avatar name={name} color={color} size={32} />
      <span className="person-text">
        <b>{name}</b>
        <small>{title}</small>
      </span>
    </span>
  );
}

function ChannelLink({ channel, current, unread }: { channel: Channel; current: boolean; unread: number }): ReactNode {
  return (
    <a
      className={unread > 0 ? "rail-link unread" : "rail-link"}
      href={channelHash(channel.id)}
      aria-current={current ? "page" : undefined}
    >
      <Icon name={channel.is_archived ? "archive" : "hash"} size={16} />
      <span className="rail-name">{channel.name}</span>
      {unread > 0 && <UnreadBadge count={unread} />}
    </a>
  );
}

function UnreadBadge({ count }: { count: number }): ReactNode {
  return (
    <span className="unread-badge">
      {count > 99 ? "99+" : count}
      <span className="spoken"> unread</span>
    </span>
  );
}
