"""What IAM and STS have and we do not, with the reason that callers are told."""

from __future__ import annotations

_GROUPS = "there are no groups; attach policies to users and roles"
_FEDERATION = "identity providers are not supported; make users, and roles that trust them"
_CONSOLE = "there is no password sign-in; users have access keys"
_REPORTS = "use is not recorded per principal"

IAM_DECLINED: tuple[tuple[str, str], ...] = (
    ("*Group*", _GROUPS),
    ("*SAML*", _FEDERATION),
    ("*OpenIDConnect*", _FEDERATION),
    ("*OutboundWebIdentity*", _FEDERATION),
    ("*LoginProfile*", _CONSOLE),
    ("*PasswordPolicy*", _CONSOLE),
    ("ChangePassword", _CONSOLE),
    ("*MFA*", "there are no multi-factor devices"),
    ("*PolicyVersion", "a managed policy has one version; put the new text into a policy of another name"),
    ("*InstanceProfile*", "there are no virtual machines whose profile would matter"),
    ("*ServiceLinkedRole*", "no service here uses linked roles"),
    ("*ServerCertificate*", "TLS is set up at the server, not through this API"),
    ("*SigningCertificate*", "requests are signed with access keys only"),
    ("*SSHPublicKey*", "there are no repositories that keys would open"),
    ("*ServiceSpecificCredential*", "there are no services that need credentials of their own"),
    ("*AccountAlias", "the account is known by its number"),
    ("*Organizations*", "there is one account"),
    ("*Delegation*", "there is one account"),
    ("*RoleTemplate*", "roles are made one by one, with CreateRole"),
    ("AcquireRole", "roles are made one by one, with CreateRole"),
    ("*AccountProperties", "the account has no properties to set"),
    ("ListPoliciesGrantingServiceAccess", "ask SimulatePrincipalPolicy what a user or role may do"),
    ("*ServiceLastAccessed*", _REPORTS),
    ("*AccessKeyLastUsed", _REPORTS),
    ("*CredentialReport", _REPORTS),
    ("*HumanReadableSummary", _REPORTS),
    ("GetAccountAuthorizationDetails", "list users, roles and policies one by one"),
    ("SetSecurityTokenServicePreferences", "tokens are the same in all regions"),
)
STS_DECLINED: tuple[tuple[str, str], ...] = (
    ("AssumeRoleWith*", _FEDERATION),
    ("AssumeRoot", "there is one account"),
    ("DecodeAuthorizationMessage", "messages of refusals are not encoded; read them as they are"),
    ("GetDelegatedAccessToken", "there is one account"),
    ("GetFederationToken", "use AssumeRole with a session policy"),
    ("GetWebIdentityToken", _FEDERATION),
)
