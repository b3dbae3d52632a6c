// What every part of the page may ask: who is who, who acts, and how to tell the person something.
import { createContext, useContext } from "react";
import type { Channel, Person, State, Usergroup } from "./api";
import type { Message } from "./slack";

export interface Workspace {
  state: State;
  me: Person;
  theme: "light" | "dark";
  notify: (text: string) => void;
}

export const WorkspaceContext = createContext<Workspace | null>(null);

export function useWorkspace(): Workspace {
  const workspace = useContext(WorkspaceContext);
  if (workspace === null) throw new Error("useWorkspace outside of the workspace");
  return workspace;
}

export const personOf = (state: State, id: string | undefined): Person | undefined =>
  state.users.find((user) => user.id === id);
export const channelOf = (state: State, id: string | undefined): Channel | undefined =>
  state.channels.find((channel) => channel.id === id);
export const groupOf = (state: State, id: string): Usergroup | undefined =>
  state.usergroups?.find((group) => group.id === id);
export const people = (state: State): Person[] => state.users.filter((user) => !user.is_bot);
export const titleOf = (channel: Channel, state: State): string =>
  channel.is_im ? state.bot.name : `#${channel.name}`;
export const nameOf = (person: Person): string => person.real_name || person.name;

/** The author of Slack's own words to one person, such as that a command failed. It is in no list of users. */
const slackbot = "USLACKBOT";

export interface Author {
  id: string;
  name: string;
  title: string;
  color: string;
  isApp: boolean;
}

export function authorOf(state: State, message: Message): Author {
  const person = personOf(state, message.user);
  if (message.user === slackbot) return { id: slackbot, name: "Slackbot", title: "", color: "5b5e66", isApp: false };
  const isApp = message.bot_id !== undefined || message.user === state.bot.user_id || person?.is_bot === true;
  const known = person ? nameOf(person) : isApp ? state.bot.name : (message.user ?? "Unknown");
  return {
    id: message.user ?? message.bot_id ?? "",
    name: message.username || (isApp ? state.bot.name || known : known),
    title: person?.title ?? "",
    color: person?.color ?? "",
    isApp,
  };
}
