locals {
  # What the Lambdas read too: a preset is known here and there, or nowhere.
  presets = jsondecode(file("${path.module}/../../lambdas/common/schemes.json"))

  # What was not given is left out, so that the Lambdas' defaults are the only ones.
  custom = [
    for scheme in var.custom_scheme[*] : {
      for field, value in merge(scheme, {
        signature = { for name, value in scheme.signature : name => value if value != null }
        timestamp = one([for place in scheme.timestamp[*] : { for name, value in place : name => value if value != null }])
        id        = one([for place in scheme.id[*] : { for name, value in place : name => value if value != null }])
        type      = one([for place in scheme.type[*] : { for name, value in place : name => value if value != null }])
      }) : field => value if value != null
    }
  ]

  # Whichever was given.
  scheme = one(concat(local.custom, [for name in var.scheme[*] : local.presets[name]]))

  # What follows from it, as Scheme in lambdas/common/scheme.py has it.
  kind        = local.scheme.kind
  algorithm   = lookup(local.scheme, "algorithm", "HS256")
  handshake   = lookup(local.scheme, "handshake", null)
  signed      = lookup(local.scheme, "signed", "{body}")
  claims      = lookup(local.scheme, "claims", {})
  body_digest = lookup(local.scheme, "body_digest", null)

  signs_url          = local.kind == "message-signature" || contains(keys(local.claims), "url_sha256") || strcontains(local.signed, "{url}")
  verified_at_edge   = contains(["token", "message-signature"], local.kind) || (local.kind == "jwt" && local.algorithm == "HS256") || local.body_digest != null
  needs_cryptography = contains(["ed25519", "ecdsa-p256"], local.kind) || (local.kind == "jwt" && local.algorithm == "ES256")
}
