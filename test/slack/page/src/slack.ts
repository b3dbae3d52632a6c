// Slack's own objects, as far as the page reads them.

export interface TextObject {
  type: "plain_text" | "mrkdwn";
  text: string;
  emoji?: boolean;
  verbatim?: boolean;
}

export interface Confirm {
  title: TextObject;
  text: TextObject;
  confirm?: TextObject;
  deny?: TextObject;
  style?: "primary" | "danger";
}

export interface Option {
  text: TextObject;
  value: string;
  description?: TextObject;
  url?: string;
}

/** A block element. One shape for all kinds: Slack's kinds share their field names. */
export interface Element {
  type: string;
  action_id?: string;
  text?: TextObject | string;
  value?: string;
  url?: string;
  style?: "primary" | "danger";
  confirm?: Confirm;
  accessibility_label?: string;
  placeholder?: TextObject;
  options?: Option[];
  option_groups?: { label: TextObject; options: Option[] }[];
  multiline?: boolean;
  min_length?: number;
  max_length?: number;
  min_value?: string;
  max_value?: string;
  is_decimal_allowed?: boolean;
  focus_on_load?: boolean;
  max_selected_items?: number;
  image_url?: string;
  alt_text?: string;
  default_to_current_conversation?: boolean;
  [initial: `initial_${string}`]: unknown;
}

export interface Block {
  type: string;
  block_id?: string;
  text?: TextObject;
  fields?: TextObject[];
  accessory?: Element;
  elements?: Element[];
  element?: Element;
  label?: TextObject;
  hint?: TextObject;
  optional?: boolean;
  dispatch_action?: boolean;
  title?: TextObject;
  image_url?: string;
  alt_text?: string;
  slack_file?: { id?: string; url?: string };
}

export interface Attachment {
  color?: string;
  fallback?: string;
  pretext?: string;
  title?: string;
  title_link?: string;
  text?: string;
  footer?: string;
  blocks?: Block[];
  fields?: { title: string; value: string; short?: boolean }[];
}

export interface SlackFile {
  id: string;
  name?: string;
  title?: string;
  mimetype?: string;
  filetype?: string;
  size?: number;
  url_private?: string;
  url_private_download?: string;
  preview?: string;
}

export interface Message {
  type: string;
  subtype?: string;
  ts: string;
  user?: string;
  username?: string;
  bot_id?: string;
  text?: string;
  blocks?: Block[];
  attachments?: Attachment[];
  thread_ts?: string;
  reply_count?: number;
  reply_users?: string[];
  latest_reply?: string;
  reactions?: { name: string; users: string[]; count: number }[];
  files?: SlackFile[];
  edited?: { user: string; ts: string };
  is_ephemeral?: boolean;
}

export interface View {
  id: string;
  type: "modal" | "home";
  title?: TextObject;
  submit?: TextObject;
  close?: TextObject;
  blocks: Block[];
  hash?: string;
}

/** What an input holds, in the shape of view.state.values. */
export interface ControlState {
  type: string;
  value?: string | null;
  selected_option?: Option | null;
  selected_options?: Option[];
  selected_user?: string | null;
  selected_users?: string[];
  selected_channel?: string | null;
  selected_channels?: string[];
  selected_conversation?: string | null;
  selected_conversations?: string[];
  selected_date?: string | null;
  selected_time?: string | null;
  selected_date_time?: number | null;
}

export type ViewValues = Record<string, Record<string, ControlState>>;

/** The text of a text object; Slack lets a few elements carry a bare string. */
export function plain(text: TextObject | string | undefined): string {
  if (text === undefined) return "";
  return typeof text === "string" ? text : text.text;
}

/** A ts ("1700000000.000100") as milliseconds since 1970. */
export function millis(ts: string): number {
  return Number.parseFloat(ts) * 1000;
}
