// An app on Slack's own Node SDK. The Go test plays the people; this app reports what it saw as one JSON object a
// line on stdout, and ends when stdin closes.
import bolt from "@slack/bolt";

const { App, LogLevel } = bolt;
const report = (event, detail = {}) => console.log(JSON.stringify({ event, ...detail }));

const app = new App({
  token: process.env.SLACK_BOT_TOKEN,
  appToken: process.env.SLACK_APP_TOKEN,
  socketMode: true,
  logLevel: LogLevel.ERROR,
  clientOptions: { slackApiUrl: process.env.SLACK_API_URL },
});
const quiet = console.error;
app.logger.info = app.logger.debug = (...args) => quiet(...args);
app.error(async (error) => report("error", { message: error.message, data: error.data }));

const card = (state) => [
  { type: "header", text: { type: "plain_text", text: "checkout is crash-looping" } },
  { type: "section", text: { type: "mrkdwn", text: `State: *${state}*` } },
  {
    type: "actions",
    block_id: "next",
    elements: [
      { type: "button", action_id: "approve", text: { type: "plain_text", text: "Approve" }, value: "plan-7", style: "primary" },
      {
        type: "static_select",
        action_id: "silence",
        placeholder: { type: "plain_text", text: "Silence" },
        options: ["1h", "4h"].map((value) => ({ text: { type: "plain_text", text: value }, value })),
      },
    ],
  },
];

const modal = {
  type: "modal",
  callback_id: "reason",
  private_metadata: "incident/42",
  notify_on_close: true,
  title: { type: "plain_text", text: "Resolve" },
  submit: { type: "plain_text", text: "Resolve" },
  blocks: [
    {
      type: "input",
      block_id: "why",
      label: { type: "plain_text", text: "Why" },
      element: { type: "plain_text_input", action_id: "text" },
    },
  ],
};

app.command("/autopilot", async ({ command, ack, respond, client }) => {
  if (command.text === "modal") {
    await ack();
    const { view } = await client.views.open({ trigger_id: command.trigger_id, view: modal });
    try {
      await client.views.open({ trigger_id: command.trigger_id, view: modal });
    } catch (error) {
      report("second_open", { error: error.data.error });
    }
    report("modal", { id: view.id, hash: view.hash, callback_id: view.callback_id });
    return;
  }
  await ack(`heard ${command.text}`);
  await respond({ response_type: "ephemeral", text: `more about ${command.text}` });
  report("command", { user: command.user_id, channel: command.channel_id, text: command.text });
});

app.command("/work", async ({ command, ack, client }) => {
  await ack();
  const channel = command.channel_id;
  const posted = await client.chat.postMessage({
    channel,
    text: "checkout is crash-looping",
    blocks: card("open"),
    metadata: { event_type: "incident", event_payload: { key: "incident/42/card" } },
  });
  const updated = await client.chat.update({ channel, ts: posted.ts, text: "acknowledged", blocks: card("acknowledged") });
  const history = await client.conversations.history({ channel, limit: 1, include_all_metadata: true });
  await client.files.uploadV2({
    channel_id: channel,
    thread_ts: posted.ts,
    filename: "checkout.log",
    content: "FATAL: cannot connect to db:5432\n",
    initial_comment: "The last lines",
  });
  let refusal;
  try {
    await client.chat.postMessage({
      channel,
      text: "x",
      blocks: [{ type: "section", text: { type: "mrkdwn", text: "x".repeat(3001) } }],
    });
  } catch (error) {
    refusal = error.data;
  }
  report("work", {
    ts: posted.ts,
    same: updated.ts === posted.ts,
    metadata: history.messages[0].metadata,
    refused: refusal.error,
    why: refusal.response_metadata.messages,
    scopes: posted.response_metadata?.scopes,
  });
});

app.command("/flood", async ({ command, ack, client }) => {
  await ack();
  const sent = [];
  for (let i = 0; i < 2; i++) {
    sent.push((await client.chat.postMessage({ channel: command.channel_id, text: `flood ${i}` })).ts);
  }
  report("flood", { sent });
});

app.view("reason", async ({ ack, view, body, client }) => {
  const { value } = view.state.values.why.text;
  if (value.length < 5) {
    await ack({ response_action: "errors", errors: { why: "Say a little more." } });
    return;
  }
  await ack();
  const dm = await client.conversations.open({ users: body.user.id });
  await client.chat.postMessage({ channel: dm.channel.id, text: `Resolved: ${value}` });
  report("submitted", { value, metadata: view.private_metadata });
});

app.action("approve", async ({ ack, action, body, respond }) => {
  await ack();
  await respond({ replace_original: true, text: "approved", blocks: [] });
  report("click", { value: action.value, user: body.user.id, ts: body.message.ts, channel: body.channel.id });
});

app.action("silence", async ({ ack, action }) => {
  await ack();
  report("select", { value: action.selected_option.value });
});

app.event("app_home_opened", async ({ event, client }) => {
  await client.views.publish({
    user_id: event.user,
    view: { type: "home", blocks: [{ type: "section", text: { type: "mrkdwn", text: "Two incidents are open." } }] },
  });
  report("home", { tab: event.tab });
});

app.event("app_mention", async ({ event, say }) => {
  await say({ text: "at your service", thread_ts: event.ts });
  report("mention", { text: event.text });
});

app.receiver.client.on("connected", () => report("connected"));
await app.start();
report("started", { auth: (await app.client.auth.test()).user_id });
process.stdin.resume();
process.stdin.on("end", async () => {
  await app.stop();
  report("stopped");
});
