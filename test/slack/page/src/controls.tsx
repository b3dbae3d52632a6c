// Inputs that hold a value. Each is the browser's own control: they work with a keyboard, a screen reader and a thumb.
import type { ReactNode } from "react";
import { fieldOf } from "./control-state";
import { plain, type ControlState, type Element, type Option } from "./slack";
import { Text } from "./text";
import { withEmoji } from "./emoji";
import { nameOf, people, useWorkspace } from "./workspace";

export interface ControlProps {
  element: Element;
  state: ControlState;
  onChange: (state: ControlState) => void;
  id: string;
  label?: string;
  describedBy?: string;
  invalid?: boolean;
  busy?: boolean;
}

interface Choice {
  key: string;
  text: string;
  group?: string;
  option?: Option;
}

export function Control(props: ControlProps): ReactNode {
  const { element, state, onChange, id, label, describedBy, invalid, busy } = props;
  const choices = useChoices(element);
  const shared = {
    id,
    "aria-label": label,
    "aria-describedby": describedBy,
    "aria-invalid": invalid || undefined,
    "aria-busy": busy || undefined,
  };
  const focus = element.focus_on_load ? { "data-autofocus": "" } : {};
  switch (element.type) {
    case "plain_text_input":
      return element.multiline ? (
        <textarea
          {...shared}
          {...focus}
          className="input"
          rows={4}
          maxLength={element.max_length}
          placeholder={plain(element.placeholder)}
          value={state.value ?? ""}
          onChange={(e) => onChange({ ...state, value: e.target.value || null })}
        />
      ) : (
        <TextInput {...props} shared={{ ...shared, ...focus }} type="text" />
      );
    case "number_input":
      return <TextInput {...props} shared={{ ...shared, ...focus, inputMode: "decimal" }} type="text" />;
    case "email_text_input":
      return <TextInput {...props} shared={{ ...shared, ...focus }} type="email" />;
    case "url_text_input":
      return <TextInput {...props} shared={{ ...shared, ...focus }} type="url" />;
    case "datepicker":
      return (
        <input
          {...shared}
          className="input narrow"
          type="date"
          value={state.selected_date ?? ""}
          onChange={(e) => onChange({ ...state, selected_date: e.target.value || null })}
        />
      );
    case "timepicker":
      return (
        <input
          {...shared}
          className="input narrow"
          type="time"
          value={state.selected_time ?? ""}
          onChange={(e) => onChange({ ...state, selected_time: e.target.value || null })}
        />
      );
    case "datetimepicker":
      return (
        <input
          {...shared}
          className="input narrow"
          type="datetime-local"
          value={localMinute(state.selected_date_time)}
          onChange={(e) =>
            onChange({ ...state, selected_date_time: e.target.value ? Date.parse(e.target.value) / 1000 : null })
          }
        />
      );
    case "radio_buttons":
      return <OptionList {...props} kind="radio" />;
    case "checkboxes":
      return <OptionList {...props} kind="checkbox" />;
    case "static_select":
    case "users_select":
    case "channels_select":
    case "conversations_select":
      return <SelectOne {...props} choices={choices} shared={shared} />;
    case "multi_static_select":
    case "multi_users_select":
    case "multi_channels_select":
    case "multi_conversations_select":
      return <SelectMany {...props} choices={choices} />;
    default:
      return <Unsupported type={element.type} />;
  }
}

/** What Slack would show and this page does not: said, rather than left out. */
export function Unsupported({ type }: { type: string }): ReactNode {
  return <span className="unsupported">This page cannot show “{type}”.</span>;
}

function TextInput({
  element,
  state,
  onChange,
  type,
  shared,
}: ControlProps & { type: string; shared: object }): ReactNode {
  return (
    <input
      {...shared}
      className="input"
      type={type}
      maxLength={element.max_length}
      placeholder={plain(element.placeholder)}
      value={state.value ?? ""}
      onChange={(e) => onChange({ ...state, value: e.target.value || null })}
    />
  );
}

function useChoices(element: Element): Choice[] {
  const { state } = useWorkspace();
  if (element.type.endsWith("users_select"))
    return people(state).map((person) => ({ key: person.id, text: nameOf(person) }));
  if (element.type.endsWith("channels_select") || element.type.endsWith("conversations_select"))
    return state.channels
      .filter((channel) => !channel.is_archived && !channel.is_im)
      .map((channel) => ({ key: channel.id, text: `#${channel.name}` }));
  const groups = element.option_groups ?? [{ label: undefined, options: element.options ?? [] }];
  return groups.flatMap((group) =>
    group.options.map((option) => ({
      key: option.value,
      text: withEmoji(option.text.text),
      group: group.label && plain(group.label),
      option,
    })),
  );
}

function chosen(state: ControlState, element: Element): string[] {
  const held = state[fieldOf(element) ?? "value"];
  const list = Array.isArray(held) ? held : held === null || held === undefined ? [] : [held];
  return (list as (string | Option)[]).map((item) => (typeof item === "string" ? item : item.value));
}

function SelectOne({
  element,
  state,
  onChange,
  choices,
  shared,
}: ControlProps & { choices: Choice[]; shared: object }): ReactNode {
  const field = fieldOf(element) ?? "selected_option";
  const groups = [...new Set(choices.map((choice) => choice.group))];
  const optionOf = (choice: Choice) => (
    <option key={choice.key} value={choice.key}>
      {choice.text}
    </option>
  );
  return (
    <select
      {...shared}
      className="input select"
      value={chosen(state, element)[0] ?? ""}
      onChange={(event) => {
        const choice = choices.find((one) => one.key === event.target.value);
        if (choice) onChange({ ...state, [field]: choice.option ?? choice.key });
      }}
    >
      <option value="" disabled hidden>
        {plain(element.placeholder) || "Select an option"}
      </option>
      {groups.map((group) => {
        const members = choices.filter((choice) => choice.group === group).map(optionOf);
        return group === undefined ? (
          members
        ) : (
          <optgroup key={group} label={group}>
            {members}
          </optgroup>
        );
      })}
    </select>
  );
}

function SelectMany({
  element,
  state,
  onChange,
  choices,
  id,
  label,
  describedBy,
}: ControlProps & { choices: Choice[] }): ReactNode {
  const field = fieldOf(element) ?? "selected_options";
  const held = chosen(state, element);
  const full = held.length >= (element.max_selected_items ?? Infinity);
  const toggle = (key: string) => {
    const keys = held.includes(key) ? held.filter((one) => one !== key) : [...held, key];
    const picked = choices.filter((choice) => keys.includes(choice.key));
    onChange({ ...state, [field]: picked.map((choice) => choice.option ?? choice.key) });
  };
  const names = choices.filter((choice) => held.includes(choice.key)).map((choice) => choice.text);
  return (
    <details className="select-many">
      <summary
        className="input select"
        id={id}
        aria-label={label && `${label}: ${names.join(", ") || "none"}`}
        aria-describedby={describedBy}
      >
        {names.join(", ") || plain(element.placeholder) || "Select options"}
      </summary>
      <div className="options">
        {choices.map((choice) => (
          <label key={choice.key} className="option">
            <input
              type="checkbox"
              checked={held.includes(choice.key)}
              disabled={full && !held.includes(choice.key)}
              onChange={() => toggle(choice.key)}
            />
            <span>{choice.text}</span>
          </label>
        ))}
      </div>
    </details>
  );
}

function OptionList({
  element,
  state,
  onChange,
  id,
  label,
  describedBy,
  invalid,
  kind,
}: ControlProps & { kind: "radio" | "checkbox" }): ReactNode {
  const held = chosen(state, element);
  const options = element.options ?? [];
  const choose = (option: Option) => {
    if (kind === "radio") return onChange({ ...state, selected_option: option });
    const values = held.includes(option.value)
      ? held.filter((value) => value !== option.value)
      : [...held, option.value];
    onChange({ ...state, selected_options: options.filter((one) => values.includes(one.value)) });
  };
  return (
    <div
      className="options"
      role={kind === "radio" ? "radiogroup" : "group"}
      aria-label={label}
      aria-describedby={describedBy}
      aria-invalid={kind === "radio" && invalid ? true : undefined}
    >
      {options.map((option, i) => (
        <label key={option.value} className="option">
          <input
            type={kind}
            id={i === 0 ? id : undefined}
            name={id}
            checked={held.includes(option.value)}
            onChange={() => choose(option)}
          />
          <span>
            <Text text={option.text} />
            {option.description && (
              <small>
                <Text text={option.description} />
              </small>
            )}
          </span>
        </label>
      ))}
    </div>
  );
}

/** Unix seconds as the value of a datetime-local input, in the reader's zone. */
function localMinute(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "";
  const date = new Date(seconds * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
