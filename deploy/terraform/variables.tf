variable "name" {
  description = "Name of the role, and what its policies begin with."
  type        = string
  default     = "autopilot"
}

variable "trust" {
  description = "Who may be this role: a service account by IRSA, one by EKS Pod Identity, or the bot's role in another account."
  type        = string

  validation {
    condition     = contains(["irsa", "pod_identity", "role"], var.trust)
    error_message = "trust is irsa, pod_identity or role."
  }
}

variable "oidc_provider_arn" {
  description = "irsa: ARN of the cluster's OIDC provider in IAM."
  type        = string
  default     = ""
}

variable "service_account" {
  description = "irsa, pod_identity: namespace and name of the bot's service account."
  type        = object({ namespace = string, name = string })
  default     = { namespace = "autopilot", name = "autopilot" }
}

variable "cluster_name" {
  description = "pod_identity: EKS cluster that the bot runs in."
  type        = string
  default     = ""
}

variable "role_arn" {
  description = "role: ARN of the bot's role in its own account, which assumes this one."
  type        = string
  default     = ""
}

variable "external_id" {
  description = "role: external ID that the bot must give; the same as in its configuration."
  type        = string
  default     = ""
}

variable "assume_role_arns" {
  description = "Roles of this kind in other accounts that the bot's own role may assume."
  type        = list(string)
  default     = []
}

variable "inventory" {
  description = "Read instances, volumes, snapshots, autoscaling groups, node groups and Spot prices of this account."
  type        = bool
  default     = true
}

variable "prices" {
  description = "Read the public price lists. One account is enough."
  type        = bool
  default     = true
}

variable "bills" {
  description = "Read Cost Explorer, in the payer's account. AWS asks $0.01 for each page; the bot keeps to its daily budget."
  type        = bool
  default     = false
}

variable "splits" {
  description = "Read split cost allocation of EKS from a Data Export through Athena, in the account that holds the export. null for none."
  type = object({
    workgroup      = string
    database       = string
    table          = string
    export_bucket  = string
    results_bucket = string
  })
  default = null
}

variable "tags" {
  description = "Tags of all that is made."
  type        = map(string)
  default     = {}
}

variable "volume_remover" {
  description = "Make a second role that takes snapshots of volumes and deletes volumes. role_arn is the bot's own role where that is of another account. volume_tags bound it to volumes that have all of them; values may have * in them. null for no such role."
  type = object({
    role_arn    = optional(string, "")
    volume_tags = optional(map(string), {})
  })
  default = null
}

variable "fault_injector" {
  description = "Make a role by which the process that does experiments has AWS FIS do some of them. role_arn is that process's own role, which is not the bot's; experiment_role_arn is the role that the experiment template names, as which AWS FIS acts. null for no such role."
  type = object({
    role_arn            = string
    experiment_role_arn = string
  })
  default = null
}

variable "audit_anchor" {
  description = "Make a role that keeps the head of the audit log in a bucket under Object Lock. prefix is that of the bot's configuration; mode is COMPLIANCE or GOVERNANCE. role_arn is the bot's own role where that is of another account. null for no such role."
  type = object({
    bucket   = string
    prefix   = optional(string, "autopilot")
    mode     = optional(string, "COMPLIANCE")
    role_arn = optional(string, "")
  })
  default = null

  validation {
    condition     = var.audit_anchor == null ? true : contains(["COMPLIANCE", "GOVERNANCE"], var.audit_anchor.mode)
    error_message = "mode is COMPLIANCE or GOVERNANCE."
  }
}

variable "reports" {
  description = "Make a role that sends reports by e-mail and keeps them in S3, either or both. mail: the address that mail is from, its verified identity in SES (the address itself unless its domain is named), and the region. files: bucket, and prefix as in the bot's configuration. role_arn is the bot's own role where that is of another account. null for no such role."
  type = object({
    mail = optional(object({
      from     = string
      identity = optional(string, "")
      region   = string
    }))
    files = optional(object({
      bucket = string
      prefix = optional(string, "autopilot")
    }))
    role_arn = optional(string, "")
  })
  default = null

  validation {
    condition     = var.reports == null ? true : var.reports.mail != null || var.reports.files != null
    error_message = "reports has mail, files or both."
  }
}
