output "role_arn" {
  description = "Of the role: for the service account's annotation eks.amazonaws.com/role-arn (irsa), or for the bot's configuration (role)."
  value       = aws_iam_role.this.arn
}

output "volume_remover_role_arn" {
  description = "Of the role that removes volumes, for remover_role_arn in the bot's configuration; null without one."
  value       = one(aws_iam_role.remover[*].arn)
}

output "fault_injector_role_arn" {
  description = "Of the role that has AWS FIS break something, for clusters[].chaos.fis.role_arn in the bot's configuration; null without one."
  value       = one(aws_iam_role.injector[*].arn)
}

output "audit_anchor_role_arn" {
  description = "Of the role that keeps the audit log's head, for audit.anchor.role_arn in the bot's configuration; null without one."
  value       = one(aws_iam_role.anchor[*].arn)
}

output "reports_role_arn" {
  description = "Of the role that sends reports and keeps them, for role_arn of email and s3 below reports.deliveries in the bot's configuration; null without one."
  value       = one(aws_iam_role.reports[*].arn)
}
