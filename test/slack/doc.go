// Package slack is a Slack workspace that runs in this process: the Web API and Socket Mode as Slack speaks
// them, with the documented limits, errors and refusals, and faults on demand. It shares no code with the product
// or with a Slack library, so that a misreading of Slack in the product is not repeated here. The demo, the stand
// and the end-to-end tests call it.
//
// # For the app
//
//	/api/<method>            the Web API; form-encoded or JSON, token in the header or a field
//	/link?ticket=…           the Socket Mode websocket that apps.connections.open names; a ticket opens it once
//	/upload/<id>             where files.getUploadURLExternal sends the bytes
//	/files-pri/<id>/<name>   url_private of a file; needs the bot token
//	/hooks/…                 response_url; five uses in thirty minutes
//
// # For the page and the tests
//
// Everything under /_control/ speaks JSON and needs no token. Control is the Go client.
//
//	GET  /_control/state                                  State
//	GET  /_control/channels/{id}/messages?user=U          {messages:[Message]}, oldest first, U's ephemeral ones among them
//	GET  /_control/channels/{id}/threads/{ts}?user=U      {messages:[Message]}, the parent first
//	GET  /_control/home?user=U                            {view: View or null}
//	GET  /_control/views?user=U                           {views:[View]}, the open modals, topmost last
//	GET  /_control/files/{id}                             the bytes of a file
//	GET  /_control/events                                 server-sent events: Change
//	POST /_control/act/message   {user,channel,text,thread_ts?}
//	POST /_control/act/command   {user,channel,text,thread_ts?}; text starts with the command
//	POST /_control/act/click     Action; 404 when the element is no longer there
//	POST /_control/act/submit    {user,view_id,state:{values}}
//	POST /_control/act/close     {user,view_id,clear?}
//	POST /_control/act/home      {user}
//	POST /_control/act/join      {user,channel,leave?}; the bot's own user id joins or leaves the bot
//	POST /_control/act/react     {user,channel,ts,name,remove?}
//
// Each act answers Outcome: {ok, error?, delivered_to?, acked_ms?, response_action?, errors?, ts?}.
//
//	POST   /_control/faults      Fault {method?,channel?,kind,error?,retry_after?,delay_ms?,count?,for_ms?};
//	                             DELETE removes all, GET lists them
//	POST   /_control/sockets/disconnect {reason?,count?,socket?}  Slack's disconnect message, then the close
//	POST   /_control/sockets/drop       {count?,socket?}          the TCP connection breaks without a close frame
//	POST   /_control/sockets/deaf       {count?,socket?,for_ms?}  the connection stays, nothing arrives, pings stop
//	GET    /_control/sockets     {sockets:[SocketInfo]}
//	POST   /_control/channels    {action:create|archive|unarchive|rename|kick|invite,channel?,name?,topic?}; kick and invite are the bot's
//	POST   /_control/token       {action:revoke|restore,token?:bot|app}; both when token is absent
//	POST   /_control/scopes      {remove?:[…],add?:[…]}
//	POST   /_control/usergroups  {usergroup,user,leave?}: a person joins or leaves a user group
//	POST   /_control/redeliver   {n}: the last n Events payloads again, same event_id, new envelope
//	GET    /_control/calls?since=N      {calls:[Call]}; the last 10,000, deliveries over sockets among them
//	GET    /_control/violations         {violations:[Violation]}: what Slack would hold against the app
//	POST   /_control/reset       the seed workspace again; open sockets stay open
//
// # What is not here
//
// Private channels and group conversations, user tokens, scheduled and streamed messages, shortcuts, external
// selects (block_suggestion), unfurling, message_changed and message_deleted events, and blocks beyond section,
// header, divider, image, actions, context, context_actions, input, rich_text, markdown and table: those are
// refused as Slack refuses an unknown one.
package slack
