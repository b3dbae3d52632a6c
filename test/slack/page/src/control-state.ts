// What an input element holds: which field of view.state it fills, how it starts, and whether it may be sent.
import { plain, type Block, type ControlState, type Element } from "./slack";

const fields: Record<string, keyof ControlState> = {
  plain_text_input: "value",
  number_input: "value",
  email_text_input: "value",
  url_text_input: "value",
  static_select: "selected_option",
  radio_buttons: "selected_option",
  checkboxes: "selected_options",
  multi_static_select: "selected_options",
  users_select: "selected_user",
  multi_users_select: "selected_users",
  channels_select: "selected_channel",
  multi_channels_select: "selected_channels",
  conversations_select: "selected_conversation",
  multi_conversations_select: "selected_conversations",
  datepicker: "selected_date",
  timepicker: "selected_time",
  datetimepicker: "selected_date_time",
};

/** The field that an element fills; undefined for buttons, menus and kinds that the page does not know. */
export function fieldOf(element: Element): keyof ControlState | undefined {
  return fields[element.type];
}

const isList = (field: keyof ControlState) => field.endsWith("s");

export function initialState(element: Element): ControlState {
  const field = fieldOf(element);
  if (field === undefined) return { type: element.type };
  const name = field === "value" ? "initial_value" : (`initial_${field.replace("selected_", "")}` as const);
  const initial = element[name as `initial_${string}`];
  return { type: element.type, [field]: initial ?? (isList(field) ? [] : null) };
}

export function isEmpty(state: ControlState, field: keyof ControlState): boolean {
  const held = state[field];
  return (
    held === undefined ||
    held === null ||
    (typeof held === "string" && held.trim() === "") ||
    (Array.isArray(held) && held.length === 0)
  );
}

/** Slack's own complaint about an input block before it lets anybody submit; undefined when there is none. */
export function complaint(block: Block, state: ControlState): string | undefined {
  const element = block.element;
  const field = element && fieldOf(element);
  if (element === undefined || field === undefined) return undefined;
  if (isEmpty(state, field)) return block.optional ? undefined : "Please complete this required field.";
  const value = state.value ?? "";
  if (element.min_length !== undefined && value.length < element.min_length)
    return `Enter at least ${element.min_length} characters.`;
  if (element.max_length !== undefined && value.length > element.max_length)
    return `Enter at most ${element.max_length} characters.`;
  if (element.type === "number_input") {
    const number = Number(value);
    if (!Number.isFinite(number) || (!element.is_decimal_allowed && !Number.isInteger(number)))
      return "Enter a number.";
    if (element.min_value !== undefined && number < Number(element.min_value))
      return `Enter a number of ${element.min_value} or more.`;
    if (element.max_value !== undefined && number > Number(element.max_value))
      return `Enter a number of ${element.max_value} or less.`;
  }
  return undefined;
}

/** The name of an element for people who do not see it. */
export function spokenName(element: Element, block?: Block): string {
  return (
    element.accessibility_label ||
    plain(block?.label) ||
    plain(element.placeholder) ||
    plain(element.text) ||
    plain(block?.text).slice(0, 80) ||
    element.type.replaceAll("_", " ")
  );
}
