output "role_arn" {
  description = "Of the role: for the service account's annotation eks.amazonaws.com/role-arn (irsa), or for the bot's configuration (role)."
  value       = aws_iam_role.this.arn
}
