// The app's Home tab, and the way to the direct messages with it.
import { useEffect, type ReactNode } from "react";
import { actions, paths, refusal, type Home } from "./api";
import { Avatar } from "./avatar";
import { Blocks } from "./blocks";
import { Icon } from "./icons";
import { useLive } from "./live";
import { channelHash } from "./route";
import { SurfaceProvider } from "./surface";
import { useWorkspace } from "./workspace";

export function HomePane(): ReactNode {
  const { state, me, notify } = useWorkspace();
  const { data, error } = useLive<Home>(
    paths.home(me.id),
    (event) => event.type === "home_published" && (event.user === undefined || event.user === me.id),
  );
  const direct = state.channels.find((channel) => channel.is_im && channel.user === me.id);

  useEffect(() => {
    void actions.home(me.id).then((answer) => {
      if (!answer.ok) notify(refusal(answer));
    });
  }, [me.id, notify]);

  return (
    <main className="pane home-pane" aria-label={`${state.bot.name}, Home`}>
      <header className="pane-head">
        <a className="quiet-button phone-only" href="#/" aria-label="Back to the list of channels">
          <Icon name="back" />
        </a>
        <Avatar name={state.bot.name} color="" isApp size={24} />
        <h1>{state.bot.name}</h1>
        <nav className="tabs" aria-label={state.bot.name}>
          <a href="#/home" aria-current="page">
            Home
          </a>
          {direct && <a href={channelHash(direct.id)}>Messages</a>}
        </nav>
      </header>
      <div className="home-scroll" tabIndex={0} role="region" aria-label="Home tab">
        <div className="home">
          {error && <p className="note">{error}</p>}
          {data?.view && (
            <SurfaceProvider value={{ view_id: data.view.id }}>
              <Blocks blocks={data.view.blocks} />
            </SurfaceProvider>
          )}
          {data && !data.view && (
            <div className="welcome">
              <h2>{state.bot.name} has no Home tab yet</h2>
              <p>It is shown here as soon as the app publishes one for {me.real_name || me.name}.</p>
            </div>
          )}
        </div>
      </div>
    </main>
  );
}
