// What this browser remembers: the colours and how much of each channel each person has read.
import { useEffect, useState } from "react";
import type { Channel } from "./api";

const themeKey = "autopilot.theme";
const readKey = (user: string) => `autopilot.read.${user}`;

/** The chosen colours; until there is a choice, those of the system. */
export function useTheme(): ["light" | "dark", () => void] {
  const [chosen, setChosen] = useState(() => localStorage.getItem(themeKey));
  const [system, setSystem] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => setSystem(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  const theme = chosen === "dark" || chosen === "light" ? chosen : system ? "dark" : "light";
  useEffect(() => {
    document.documentElement.dataset["theme"] = theme;
  }, [theme]);
  const toggle = () => {
    const next = theme === "dark" ? "light" : "dark";
    localStorage.setItem(themeKey, next);
    setChosen(next);
  };
  return [theme, toggle];
}

function readCounts(user: string): Record<string, number> {
  try {
    return JSON.parse(localStorage.getItem(readKey(user)) ?? "{}") as Record<string, number>;
  } catch {
    return {};
  }
}

/** Unread messages by channel: what came since the person last had the channel open. */
export function useUnread(
  user: string | undefined,
  channels: Channel[],
  shown: string | undefined,
): Record<string, number> {
  const [read, setRead] = useState<{ user: string; counts: Record<string, number> }>();
  const open = channels.find((channel) => channel.id === shown);
  const counts = user === undefined ? {} : read?.user === user ? read.counts : readCounts(user);
  const stale = user !== undefined && open !== undefined && counts[open.id] !== open.message_count;
  useEffect(() => {
    if (!stale || user === undefined || open === undefined) return;
    const next = { ...counts, [open.id]: open.message_count };
    localStorage.setItem(readKey(user), JSON.stringify(next));
    setRead({ user, counts: next });
  });
  return Object.fromEntries(
    channels.map((channel) => [
      channel.id,
      channel.id === shown ? 0 : Math.max(0, channel.message_count - (counts[channel.id] ?? 0)),
    ]),
  );
}
