// The whole page: loads the workspace, picks the person, and lays out rail, pane and thread.
import { useEffect, useMemo, useState, type ReactNode } from "react";
import { paths, type State } from "./api";
import { ChannelPane } from "./channel";
import { AskProvider } from "./dialog";
import { HomePane } from "./home";
import { openStream, useLive } from "./live";
import { Modals } from "./modal";
import { Rail } from "./rail";
import { rememberUser, useRoute, userFromAddress, type Route } from "./route";
import { useTheme, useUnread } from "./settings";
import { ThreadPane } from "./thread";
import { Toasts, useToasts } from "./toasts";
import { channelOf, people, titleOf, WorkspaceContext, type Workspace } from "./workspace";

export function App(): ReactNode {
  const { data: state, error } = useLive<State>(paths.state(), (event) => event.type !== "notice");
  const [theme, toggleTheme] = useTheme();
  const [userId, setUserId] = useState(userFromAddress);
  const [online, setOnline] = useState(true);
  const route = useRoute();
  useEffect(() => openStream(setOnline), []);

  const me = state && (state.users.find((user) => user.id === userId && !user.is_bot) ?? people(state)[0]);
  const { toasts, notify, dismiss } = useToasts(me?.id);
  const channel =
    state && route.at !== "home"
      ? (channelOf(state, route.at === "channel" ? route.channel : undefined) ??
        (route.at === "list" ? state.channels[0] : undefined))
      : undefined;
  const unread = useUnread(me?.id, state?.channels ?? [], channel?.id);
  const workspace = useMemo<Workspace | null>(
    () => (state && me ? { state, me, theme, notify } : null),
    [state, me, theme, notify],
  );

  useEffect(() => {
    if (state) document.title = channel ? `${titleOf(channel, state)} – ${state.team.name}` : state.team.name;
  }, [state, channel]);

  if (workspace === null || state === undefined)
    return (
      <p className="starting" role="status">
        {error ?? (state ? "The workspace has no people." : "Opening the workspace…")}
      </p>
    );

  const switchTo = (id: string) => {
    rememberUser(id);
    setUserId(id);
  };
  const thread = route.at === "channel" ? route.thread : undefined;
  return (
    <WorkspaceContext value={workspace}>
      <AskProvider>
        <div className="layout" data-front={front(route)} data-thread={thread !== undefined}>
          <Rail route={route} shown={channel?.id} unread={unread} onUser={switchTo} onTheme={toggleTheme} />
          {route.at === "home" ? (
            <HomePane key={workspace.me.id} />
          ) : channel ? (
            <ChannelPane channel={channel} />
          ) : (
            <NoChannel />
          )}
          {channel && thread !== undefined && <ThreadPane channel={channel} ts={thread} />}
        </div>
        <Modals key={workspace.me.id} />
        <Toasts toasts={toasts} online={online} dismiss={dismiss} />
      </AskProvider>
    </WorkspaceContext>
  );
}

/** The one pane that is seen where there is room for one. */
function front(route: Route): string {
  return route.at === "list" ? "rail" : route.at === "channel" && route.thread !== undefined ? "thread" : "main";
}

function NoChannel(): ReactNode {
  return (
    <main className="pane">
      <div className="welcome">
        <h1>There is no such channel</h1>
        <p>
          <a href="#/">Back to the list of channels</a>
        </p>
      </div>
    </main>
  );
}
