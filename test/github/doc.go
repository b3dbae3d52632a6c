// Package github is a stand-in for GitHub: REST v3 and smart HTTP over real bare git repositories, with GitHub's rules about
// refs, protected branches, pull requests and permissions, its limits, its webhooks, and faults on demand. It shares no code with
// the product or with a GitHub library. The demo, the stand and the tests of the adapter start it; Octokit and git are its witnesses.
//
//	/api/v3/…, or / alone        REST, as on GitHub Enterprise and on api.github.com
//	/owner/name.git              clone, fetch and push; password is a token
//	/owner/name/pull/7           a page to read, merge and close a pull request as a person
//	/_control/…                  what people and the world do: see control.go
//
// # What is not here
//
// Forks, GraphQL, releases, actions, rebase merges, rulesets, issues that are no pull requests, review comments on lines, OAuth.
package github
