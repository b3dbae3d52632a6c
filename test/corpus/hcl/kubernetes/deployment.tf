resource "kubernetes_deployment" "api" {
  metadata {
    name      = "api"
    namespace = kubernetes_namespace.payments.metadata[0].name
    labels    = { app = "api" }
  }

  spec {
    replicas = 3

    selector {
      match_labels = { app = "api" }
    }

    template {
      metadata {
        labels = { app = "api" }
        annotations = {
          "prometheus.io/scrape" = "true"
          "prometheus.io/port"   = "9090"
        }
      }

      spec {
        container {
          name  = "api"
          image = "ghcr.io/acme/api:1.42.0@sha256:3e1f1a2b"

          resources {
            requests = {
              cpu    = "500m"
              memory = "1Gi"
            }
            limits = {
              memory = "2Gi"
            }
          }

          liveness_probe {
            http_get {
              path = "/healthz"
              port = 8080
            }
            initial_delay_seconds = 10
            timeout_seconds       = 1
          }
        }
      }
    }
  }

  lifecycle {
    ignore_changes = [spec[0].replicas, spec[0].template[0].metadata[0].annotations["kubectl.kubernetes.io/restartedAt"]]
  }
}
