locals {
  größe       = 3
  名前          = "日本語"
  emoji       = "🚀 launch"
  combining   = "é and é"
  escaped     = "\u00e9\U0001F680\n\t\"\\"
  rtl         = "שלום"
}
