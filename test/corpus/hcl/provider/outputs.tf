output "cluster_name" {
  description = "The cluster's name"
  value       = module.eks.cluster_name
}

output "fixed" { value = 42 }

output "kubeconfig" {
  value     = <<-EOT
    apiVersion: v1
    clusters: []
  EOT
  sensitive = true
  depends_on = [module.eks]

  precondition {
    condition     = length(module.eks.cluster_name) > 0
    error_message = "There is no cluster."
  }
}
