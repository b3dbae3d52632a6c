// The control API of the Slack stand-in: the only thing the page talks to.
import type { ControlState, Message, View, ViewValues } from "./slack";

export interface Person {
  id: string;
  name: string;
  real_name: string;
  title: string;
  color: string;
  groups: string[] | null;
  is_bot: boolean;
}

export interface Channel {
  id: string;
  name: string;
  topic: string;
  is_archived: boolean;
  /** The direct conversation of user with the app. */
  is_im?: boolean;
  user?: string;
  bot_is_member: boolean;
  members: string[] | null;
  last_ts: string;
  message_count: number;
}

export interface Usergroup {
  id: string;
  handle: string;
  name: string;
  users: string[] | null;
}

export interface Command {
  command: string;
  usage_hint: string;
  description: string;
}

export interface State {
  team: { id: string; name: string };
  bot: { user_id: string; name: string; app_id: string };
  users: Person[];
  usergroups: Usergroup[] | null;
  channels: Channel[];
  commands: Command[] | null;
  sockets: number;
}

/** One line of the event stream: what changed, not how; the page fetches that again. */
export interface ServerEvent {
  type: string;
  user?: string;
  channel?: string;
  ts?: string;
  thread_ts?: string;
  view_id?: string;
  text?: string;
}

export interface Answer {
  ok: boolean;
  error?: string;
  response_action?: string;
  errors?: Record<string, string>;
}

export interface Click extends Partial<ControlState> {
  user: string;
  channel?: string;
  message_ts?: string;
  view_id?: string;
  block_id: string;
  action_id: string;
}

const base = "/_control";

export const paths = {
  state: () => `${base}/state`,
  messages: (channel: string, user: string) =>
    `${base}/channels/${encodeURIComponent(channel)}/messages?user=${encodeURIComponent(user)}`,
  thread: (channel: string, ts: string, user: string) =>
    `${base}/channels/${encodeURIComponent(channel)}/threads/${encodeURIComponent(ts)}?user=${encodeURIComponent(user)}`,
  home: (user: string) => `${base}/home?user=${encodeURIComponent(user)}`,
  views: (user: string) => `${base}/views?user=${encodeURIComponent(user)}`,
  events: () => `${base}/events`,
  file: (id: string) => `${base}/files/${encodeURIComponent(id)}`,
};

export interface Messages {
  messages: Message[] | null;
}
export interface Views {
  views: View[] | null;
}
export interface Home {
  view: View | null;
}

/** Reads one document; fails with a sentence that a person can act on. */
export async function get<T>(path: string): Promise<T> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`The workspace server answered ${response.status} for ${path}.`);
  return (await response.json()) as T;
}

/** Acts as a person. A server that is gone is an answer like any other refusal. */
async function act(what: string, body: object): Promise<Answer> {
  try {
    const response = await fetch(`${base}/act/${what}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return (await response.json()) as Answer;
  } catch {
    return { ok: false, error: "The workspace server cannot be reached." };
  }
}

export const actions = {
  message: (user: string, channel: string, text: string, thread_ts?: string) =>
    act("message", { user, channel, text, thread_ts }),
  command: (user: string, channel: string, text: string, thread_ts?: string) =>
    act("command", { user, channel, text, thread_ts }),
  click: (click: Click) => act("click", click),
  submit: (user: string, view_id: string, values: ViewValues) => act("submit", { user, view_id, state: { values } }),
  close: (user: string, view_id: string, clear: boolean) => act("close", { user, view_id, clear }),
  home: (user: string) => act("home", { user }),
  join: (user: string, channel: string) => act("join", { user, channel }),
  react: (user: string, channel: string, ts: string, name: string, remove: boolean) =>
    act("react", { user, channel, ts, name, remove }),
};

const sentences: Record<string, string> = {
  no_sockets: "The app is not connected.",
  dispatch_failed: "The app is not connected.",
  no_ack: "The app did not respond in time.",
  incomplete: "Please complete the fields above.",
  is_archived: "This channel is archived.",
  element_not_found: "This message has changed since. Look at it again.",
  message_not_found: "This message is no longer there.",
  channel_not_found: "This channel is no longer there.",
  view_not_found: "This dialog is no longer open.",
  view_not_on_top: "Another dialog was opened over this one.",
};

/** Why something was not done, as a person reads it. */
export function refusal(answer: Answer): string {
  const error = answer.error ?? "unknown_error";
  return sentences[error] ?? (/^[a-z_]+$/.test(error) ? `The workspace refused this (${error}).` : error);
}

/** True when the server itself has told the person with a notice, as it does when the app stays silent. */
export function isAnnounced(answer: Answer): boolean {
  return answer.error === "no_ack" || answer.error === "no_sockets";
}
