package bot

// Sockets is how many sockets the bot reads.
func Sockets(b *Bot) int { return int(b.open.Load()) }
