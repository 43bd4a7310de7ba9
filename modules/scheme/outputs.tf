output "kind" {
  description = "What kind of signature it is, such as \"hmac\", \"token\" or \"unsigned\"."
  value       = local.kind
}

output "signature_header" {
  description = "Header that carries the signature or the token. Null where there is none, or one of several spellings."
  value       = lookup(lookup(local.scheme, "signature", {}), "header", null)
}

output "verified_at_edge" {
  description = "Whether the signature can be checked from a request's head, so that the authorizer needs the secret."
  value       = local.verified_at_edge
}

output "signs_url" {
  description = "Whether the sender signs the URL that it was given."
  value       = local.signs_url
}

output "needs_cryptography" {
  description = "Whether a public key verifies, for which the processor needs the package cryptography."
  value       = local.needs_cryptography
}

output "handshake" {
  description = "How the sender makes sure of a URL: \"meta\" and \"okta\" with a GET, \"slack\" and \"zoom\" with a POST. Null where it does not."
  value       = local.handshake
}

output "json" {
  description = "The scheme as the Lambdas read it, as JSON text: a preset's name, or the custom scheme without what was not given."
  value       = var.scheme == null ? jsonencode(one(local.custom)) : jsonencode(var.scheme)
}
