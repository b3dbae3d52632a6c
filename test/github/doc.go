// Package github is a stand-in for GitHub: REST v3 and smart HTTP over real bare git repositories, with GitHub's rules about
// refs, protected branches, pull requests and permissions, its limits, its webhooks, and faults on demand. It shares no code with
// the product or with a GitHub library. The demo, the stand and the tests of the adapter start it; Octokit and git are its witnesses.
//
//	/api/v3/…, or / alone        REST, as on GitHub Enterprise and on api.github.com
//	/owner/name.git              clone, fetch and push; the password is a token
//	/owner/name/pull/7           a page to read, merge and close a pull request as a person
//	/_control/…                  what people and the world do, for who is not in this process
//
// # Control
//
// Each method of Server that does something is a POST of JSON, and answers {"ok":true}, or 409 and {"error":"…"}:
//
//	repos        Repo                                       users        User
//	push         {repo,login,branch,from,message,files,remove,force}
//	merge        {repo,login,number,method}                 close        {repo,login,number}
//	reopen       {repo,login,number}                        comment      {repo,login,number,body}
//	review       {repo,login,number,event,body}             check        {repo,ref,name,conclusion}
//	status       {repo,ref,context,state}                   protect      {repo,branch,protection}
//	archive      {repo,archived}                            access       {repo,login,role}
//	permission   {app,owner,permission,level}               suspend      {app,owner,suspended}
//	expire       {logins}                                   exhaust      {login}
//	faults       Fault; DELETE removes all                  hooks        Hook
//	lose         {n}: the next deliveries                   redeliver    {id}
//	branches/delete {repo,login,branch}
//
// GET state, calls, deliveries and key?app=slug show what there is.
//
// # What is not here
//
// Forks, GraphQL (so a draft stays one), releases, actions, rebase merges, rulesets, issues that are no pull requests, review
// comments on lines, OAuth, renamed repositories, and the REST side of webhooks.
package github
