//! Whom a policy trusts, as its document says it: keys, certificates of public
//! or own authorities, the trust roots behind them and what is demanded beside
//! a signature.

use std::sync::Arc;

use serde_json::Value;

use super::fields::{Object, Walk};
use super::material::{self, Source};
use super::spec::is_dns_label;
use super::{IdentityRule, Unavailable, identity};
use crate::trust::{
    AuthorityMaterial, Demand, Demands, Material, MaterialErrorKind, MaterialRef, Materials,
    OldBundles, PUBLIC_GOOD, PublicKey, Signers, TrustRoot, Window,
};
use crate::verdict::Code;

/// More authorities than any policy needs: a hundred workflows of one
/// organisation share their material and are compared with what was proven once.
/// In how many ways they may be combined has a bound of its own.
const MAX_AUTHORITIES: usize = 128;

/// One authority that was read without complaint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AuthoritySpec {
    pub(super) name: Arc<str>,
    signers: SignerSpec,
    /// Each a [`MaterialRef::Root`] or [`MaterialRef::RootPath`].
    roots: Vec<MaterialRef>,
    demands: Demands,
    pub(super) identity: Option<IdentityRule>,
    pub(super) validity: Window,
}

/// Who may sign, before the material was read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SignerSpec {
    Key(Source<PublicKey>),
    Keyless,
    Certificates(Source<Arc<TrustRoot>>),
}

/// What the policy says about everything beside a signature; `None` where it
/// says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Asked {
    pub(super) log: Option<Written>,
    pub(super) timestamps: Option<Written>,
    pub(super) sct: Option<Written>,
    pub(super) old_bundles: OldBundles,
}

/// The two words for it: there is no "if present", because leaving it out would
/// be the attacker's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Required,
    None,
}

impl AuthoritySpec {
    /// The material that has to be read for it.
    pub(super) fn references(&self) -> impl Iterator<Item = &MaterialRef> {
        let signers = match &self.signers {
            SignerSpec::Key(Source::Ref(reference))
            | SignerSpec::Certificates(Source::Ref(reference)) => Some(reference),
            _ => None,
        };
        signers.into_iter().chain(&self.roots)
    }

    /// What its signatures are checked against.
    ///
    /// # Errors
    ///
    /// The first thing that could not be had: an authority with one root less
    /// than it names would judge differently, so that it judges nothing.
    pub(super) fn bind(&self, materials: &Materials) -> Result<AuthorityMaterial, Unavailable> {
        let signers = match &self.signers {
            SignerSpec::Key(Source::Inline(key)) => Signers::Keys(vec![key.clone()]),
            SignerSpec::Key(Source::Ref(reference)) => match had(materials, reference)? {
                Material::Key(key) => Signers::Keys(vec![key.clone()]),
                Material::Root(_) => return Err(of_another_kind(reference, "no key")),
            },
            SignerSpec::Keyless => Signers::Keyless,
            SignerSpec::Certificates(Source::Inline(root)) => {
                Signers::Certificates(Arc::clone(root))
            }
            SignerSpec::Certificates(Source::Ref(reference)) => {
                Signers::Certificates(root(materials, reference)?)
            }
        };
        let roots = self
            .roots
            .iter()
            .map(|reference| root(materials, reference));
        let roots = roots.collect::<Result<_, _>>()?;
        Ok(AuthorityMaterial::new(signers, roots, self.demands))
    }

    /// Whether both accept the same signers, as far as the document says.
    fn same_signers(&self, other: &Self) -> bool {
        let known = |spec: &Self| match &spec.signers {
            // That two files hold one key is known only when they are read.
            SignerSpec::Key(Source::Ref(_)) => false,
            SignerSpec::Key(Source::Inline(_)) | SignerSpec::Certificates(_) => true,
            SignerSpec::Keyless => true,
        };
        known(self) && self.signers == other.signers && self.identity == other.identity
            // Other roots are other people with the same names.
            && (self.roots == other.roots || self.signers != SignerSpec::Keyless)
    }

    /// Whether its signers have certificates.
    const fn has_certificates(&self) -> bool {
        matches!(
            self.signers,
            SignerSpec::Keyless | SignerSpec::Certificates(_)
        )
    }
}

fn had<'m>(materials: &'m Materials, reference: &MaterialRef) -> Result<&'m Material, Unavailable> {
    match materials.get(reference) {
        Some(Ok(material)) => Ok(material),
        Some(Err(error)) => Err(Unavailable {
            code: match error.kind {
                MaterialErrorKind::Unavailable => code_of(reference),
                MaterialErrorKind::Expired => Code::TrustRootExpired,
            },
            why: error.why.as_str().into(),
        }),
        None => Err(Unavailable {
            code: code_of(reference),
            why: format!("{reference} was not read").into(),
        }),
    }
}

fn root(materials: &Materials, reference: &MaterialRef) -> Result<Arc<TrustRoot>, Unavailable> {
    match had(materials, reference)? {
        Material::Root(root) => Ok(Arc::clone(root)),
        Material::Key(_) => Err(of_another_kind(reference, "no trust root")),
    }
}

fn of_another_kind(reference: &MaterialRef, what: &str) -> Unavailable {
    Unavailable {
        code: code_of(reference),
        why: format!("{reference} is {what}").into(),
    }
}

const fn code_of(reference: &MaterialRef) -> Code {
    match reference {
        MaterialRef::File(_) | MaterialRef::Env(_) => Code::KeyUnavailable,
        MaterialRef::CertificatesFile(_)
        | MaterialRef::CertificatesEnv(_)
        | MaterialRef::Root(_)
        | MaterialRef::RootPath(_) => Code::TrustRootUnavailable,
    }
}

/// Reads what the policy asks for beside signatures.
pub(super) fn asked(walk: &mut Walk<'_>, spec: &Object<'_>) -> Asked {
    let words = [("required", Written::Required), ("none", Written::None)];
    let old_bundles = match walk.boolean(spec, "insecureOldBundles") {
        Some(true) => OldBundles::Accepted,
        Some(false) | None => OldBundles::Refused,
    };
    Asked {
        log: walk.choice(spec, "transparencyLog", &words),
        timestamps: walk.choice(spec, "timestamps", &words),
        sct: walk.choice(spec, "certificateTransparency", &words),
        old_bundles,
    }
}

/// Reads the authorities in order; `None` for one that cannot be read, so that
/// its name is still known to `require`.
pub(super) fn read(
    walk: &mut Walk<'_>,
    spec: &Object<'_>,
    asked: Asked,
    file: &dyn Fn(&str) -> String,
) -> Vec<(Arc<str>, Option<AuthoritySpec>)> {
    let why = "is empty; remove it, or name whom you trust";
    let mut all: Vec<(Arc<str>, Option<AuthoritySpec>)> = Vec::new();
    let items = walk.list(spec, "authorities", why).unwrap_or_default();
    if items.len() > MAX_AUTHORITIES {
        walk.complain(
            "spec.authorities",
            format!("at most {MAX_AUTHORITIES} authorities; split the policy"),
        );
        return all;
    }
    for (index, item) in items.iter().enumerate() {
        let path = format!("spec.authorities[{index}]");
        const KNOWN: &[&str] = &["name", "key", "keyless", "certificate", "trustRoots"];
        let Some(object) = walk.object(&path, item, KNOWN) else {
            continue;
        };
        let name = name(walk, &object);
        let shown = name.clone().unwrap_or_else(|| "certificate".into());
        let authority = authority(walk, &object, shown, asked, file);
        let Some(name) = name else {
            continue;
        };
        let same = |other: &&(Arc<str>, Option<AuthoritySpec>)| match (&authority, &other.1) {
            (Some(one), Some(other)) => one.same_signers(other),
            _ => false,
        };
        if let Some((other, _)) = all.iter().find(same) {
            // One signer under two names looks like two people.
            let (field, what) = match authority.as_ref().map(|a| &a.signers) {
                Some(SignerSpec::Keyless) => ("keyless", "identity"),
                Some(SignerSpec::Certificates(_)) => ("certificate", "identity"),
                _ => ("key", "key"),
            };
            walk.complain(
                object.path_of(field),
                format!("is the {what} of authority `{other}` too; name each {what} once"),
            );
        }
        if all.iter().any(|(other, _)| *other == name) {
            walk.complain(object.path_of("name"), format!("duplicate name `{name}`"));
            continue;
        }
        all.push((name, authority));
    }
    together(walk, asked, &all);
    all
}

/// What is wrong with what the policy asks for, given who signs.
fn together(walk: &mut Walk<'_>, asked: Asked, all: &[(Arc<str>, Option<AuthoritySpec>)]) {
    let mut read = all.iter().filter_map(|(_, authority)| authority.as_ref());
    let keyless = read
        .clone()
        .any(|authority| authority.signers == SignerSpec::Keyless);
    if keyless && asked.log == Some(Written::None) && asked.timestamps != Some(Written::Required) {
        walk.complain(
            "spec.transparencyLog",
            "keyless certificates live for minutes, so that something trusted must say when they \
             were used; write `timestamps: required` beside this, or remove it",
        );
    }
    if asked.sct == Some(Written::Required)
        && all.iter().all(|(_, authority)| authority.is_some())
        && !all.is_empty()
        && !read.any(AuthoritySpec::has_certificates)
    {
        walk.complain(
            "spec.certificateTransparency",
            "is about certificates, and every authority here is a key; remove it",
        );
    }
}

fn name(walk: &mut Walk<'_>, object: &Object<'_>) -> Option<Arc<str>> {
    if object.get("name").is_none() {
        walk.complain(object.path_of("name"), "is missing");
    }
    let name = walk.string(object, "name")?;
    if !is_dns_label(name) {
        walk.complain(
            object.path_of("name"),
            "must be lower-case letters, digits and hyphens, at most 63",
        );
    }
    Some(name.into())
}

fn authority(
    walk: &mut Walk<'_>,
    object: &Object<'_>,
    name: Arc<str>,
    asked: Asked,
    file: &dyn Fn(&str) -> String,
) -> Option<AuthoritySpec> {
    let written: Vec<_> = ["key", "keyless", "certificate"]
        .into_iter()
        .filter(|field| object.has(field))
        .collect();
    let field = match written[..] {
        [] => {
            walk.complain(
                object.path_of("key"),
                "is missing; write key, keyless or certificate",
            );
            return None;
        }
        [field] => field,
        _ => {
            let message = format!("write only one of {}", written.join(", "));
            walk.complain(&object.path, message);
            return None;
        }
    };
    let path = object.path_of(field);
    let value = object.get(field).unwrap_or(&Value::Null);
    let mut validity = Some(Window::default());
    let (signers, rule) = match field {
        "key" => {
            const KNOWN: &[&str] = &["pem", "file", "env", "validFrom", "validUntil"];
            let key = walk.object(&path, value, KNOWN)?;
            validity = material::window(walk, &key);
            (
                material::key(walk, &key, file).map(SignerSpec::Key),
                Some(None),
            )
        }
        "keyless" => {
            const KNOWN: &[&str] = &[
                "issuer",
                "issuerPattern",
                "subject",
                "subjectPattern",
                "github",
                "gitlab",
            ];
            let keyless = walk.object(&path, value, KNOWN)?;
            let rule = identity::keyless(walk, &keyless);
            (Some(SignerSpec::Keyless), rule.map(Some))
        }
        _ => {
            const KNOWN: &[&str] = &["roots", "subject", "subjectPattern"];
            let certificate = walk.object(&path, value, KNOWN)?;
            let roots = material::certificates(walk, &certificate, &name, file);
            let rule = identity::certificate(walk, &certificate);
            (roots.map(SignerSpec::Certificates), rule.map(Some))
        }
    };
    let roots = material::trust_roots(walk, object, file);
    let demands = demands(asked, field);
    let roots = roots_for(walk, object, roots?, demands, field);
    Some(AuthoritySpec {
        name,
        signers: signers?,
        roots,
        demands,
        identity: rule?,
        validity: validity?,
    })
}

/// What is demanded beside a signature, by the kind of signer.
fn demands(asked: Asked, field: &str) -> Demands {
    let only_if_asked = |written| match written {
        Some(Written::Required) => Demand::Required,
        Some(Written::None) | None => Demand::Ignored,
    };
    let unless_waived = |written, otherwise| match written {
        Some(Written::Required) => Demand::Required,
        Some(Written::None) => Demand::Ignored,
        None => otherwise,
    };
    let Demands {
        log,
        timestamps,
        sct,
        ..
    } = Demands::KEYLESS;
    let old_bundles = asked.old_bundles;
    match field {
        "keyless" => Demands {
            log: unless_waived(asked.log, log),
            timestamps: unless_waived(asked.timestamps, timestamps),
            sct: unless_waived(asked.sct, sct),
            old_bundles,
        },
        _ => Demands {
            log: only_if_asked(asked.log),
            timestamps: only_if_asked(asked.timestamps),
            sct: if field == "certificate" {
                only_if_asked(asked.sct)
            } else {
                Demand::Ignored
            },
            old_bundles,
        },
    }
}

/// The roots that an authority of this kind needs: named if and only if they
/// are used.
fn roots_for(
    walk: &mut Walk<'_>,
    object: &Object<'_>,
    roots: Vec<MaterialRef>,
    demands: Demands,
    field: &str,
) -> Vec<MaterialRef> {
    if field == "keyless" {
        return if roots.is_empty() {
            vec![MaterialRef::Root(PUBLIC_GOOD.to_owned())]
        } else {
            roots
        };
    }
    let asked: Vec<_> = [
        ("transparencyLog", demands.log),
        ("timestamps", demands.timestamps),
        ("certificateTransparency", demands.sct),
    ]
    .into_iter()
    .filter_map(|(what, demand)| (demand != Demand::Ignored).then_some(what))
    .collect();
    let path = object.path_of("trustRoots");
    match (asked.first(), roots.is_empty()) {
        (Some(what), true) => walk.complain(
            path,
            format!(
                "is missing: `{what}: required` is checked with the logs and timestamp \
                 authorities of a trust root; name one, such as [{PUBLIC_GOOD}]"
            ),
        ),
        (None, false) => walk.complain(
            path,
            "is not used: a signature by a key or by a certificate of one's own is checked \
             without it, unless `transparencyLog`, `timestamps` or `certificateTransparency` is \
             `required`; remove it",
        ),
        _ => {}
    }
    roots
}
