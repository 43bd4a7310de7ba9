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
}
