//! Who signs: the claims of a token, and what Fulcio writes for them.

use serde_json::{Value, json};

/// The issuer of GitHub's workflows.
pub const GITHUB: &str = "https://token.actions.githubusercontent.com";
/// The issuer of GitLab's pipelines.
pub const GITLAB: &str = "https://gitlab.com";

/// A signer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who vouches for it, as the certificate says.
    pub issuer: String,
    /// The certificate's subject alternative name.
    pub subject: String,
    /// What the token says.
    pub claims: Value,
}

impl Identity {
    /// A person with an e-mail address, at an issuer that sends them.
    pub fn email(issuer: &str, address: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            subject: address.to_owned(),
            claims: json!({
                "iss": issuer, "sub": address, "email": address, "email_verified": true,
            }),
        }
    }

    /// A workflow of GitHub: `repository` is `OWNER/NAME`, `workflow` the file's
    /// name and `reference` a full one, as `refs/heads/main`.
    pub fn github(repository: &str, workflow: &str, reference: &str) -> Self {
        let owner = repository.split('/').next().unwrap_or_default();
        let file = format!("{repository}/.github/workflows/{workflow}@{reference}");
        Self {
            issuer: GITHUB.to_owned(),
            subject: format!("https://github.com/{file}"),
            claims: json!({
                "iss": GITHUB,
                "sub": format!("repo:{repository}:ref:{reference}"),
                "event_name": "push",
                "sha": COMMIT,
                "workflow": "Release",
                "workflow_ref": file,
                "workflow_sha": COMMIT,
                "job_workflow_ref": file,
                "job_workflow_sha": COMMIT,
                "repository": repository,
                "repository_id": "1001",
                "repository_owner": owner,
                "repository_owner_id": "2002",
                "repository_visibility": "public",
                "ref": reference,
                "ref_type": "branch",
                "run_id": "3003",
                "run_number": "7",
                "run_attempt": "1",
                "runner_environment": "github-hosted",
            }),
        }
    }

    /// A pipeline of GitLab on a branch: `project` is `GROUP/NAME`.
    pub fn gitlab(project: &str, branch: &str) -> Self {
        let group = project.split('/').next().unwrap_or_default();
        let file = format!("gitlab.com/{project}//.gitlab-ci.yml@refs/heads/{branch}");
        Self {
            issuer: GITLAB.to_owned(),
            subject: format!("https://{file}"),
            claims: json!({
                "iss": GITLAB,
                "sub": format!("project_path:{project}:ref_type:branch:ref:{branch}"),
                "project_path": project,
                "project_id": "4004",
                "namespace_path": group,
                "namespace_id": "5005",
                "project_visibility": "public",
                "pipeline_source": "push",
                "pipeline_id": "6006",
                "job_id": "7007",
                "ref": branch,
                "ref_type": "branch",
                "ref_path": format!("refs/heads/{branch}"),
                "sha": COMMIT,
                "ci_config_ref_uri": file,
                "ci_config_sha": COMMIT,
                "runner_environment": "gitlab-hosted",
            }),
        }
    }
}

/// Any commit.
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Whom Fulcio believes, and what it writes into certificates of workflows and
/// pipelines. The templates are the public instance's.
pub(crate) fn fulcio_settings(own: &str) -> Value {
    let issuer = |url: &str, more: Value| {
        let mut issuer = json!({"issuer-url": url, "client-id": "sigstore"});
        let object = issuer.as_object_mut().expect("an object was just made");
        object.extend(more.as_object().expect("an object was written").clone());
        issuer
    };
    json!({
        "oidc-issuers": {
            own: issuer(own, json!({"type": "email"})),
            GITHUB: issuer(GITHUB, json!({
                "type": "ci-provider", "ci-provider": "github-workflow",
            })),
            GITLAB: issuer(GITLAB, json!({
                "type": "ci-provider", "ci-provider": "gitlab-pipeline",
            })),
        },
        "ci-issuer-metadata": {
            "github-workflow": {
                "default-template-values": {"url": "https://github.com", "environment": ""},
                "subject-alternative-name-template": "{{ .url }}/{{ .job_workflow_ref }}",
                "extension-templates": {
                    "github-workflow-trigger": "event_name",
                    "github-workflow-sha": "sha",
                    "github-workflow-name": "workflow",
                    "github-workflow-repository": "repository",
                    "github-workflow-ref": "ref",
                    "build-signer-uri": "{{ .url }}/{{ .job_workflow_ref }}",
                    "build-signer-digest": "job_workflow_sha",
                    "runner-environment": "runner_environment",
                    "source-repository-uri": "{{ .url }}/{{ .repository }}",
                    "source-repository-digest": "sha",
                    "source-repository-ref": "ref",
                    "source-repository-identifier": "repository_id",
                    "source-repository-owner-uri": "{{ .url }}/{{ .repository_owner }}",
                    "source-repository-owner-identifier": "repository_owner_id",
                    "build-config-uri": "{{ .url }}/{{ .workflow_ref }}",
                    "build-config-digest": "workflow_sha",
                    "build-trigger": "event_name",
                    "run-invocation-uri":
                        "{{ .url }}/{{ .repository }}/actions/runs/{{ .run_id }}/attempts/{{ .run_attempt }}",
                    "source-repository-visibility-at-signing": "repository_visibility",
                    "deployment-environment": "environment",
                },
            },
            "gitlab-pipeline": {
                "default-template-values": {"url": "https://gitlab.com", "environment": ""},
                "subject-alternative-name-template": "https://{{ .ci_config_ref_uri }}",
                "extension-templates": {
                    "build-signer-uri": "https://{{ .ci_config_ref_uri }}",
                    "build-signer-digest": "ci_config_sha",
                    "runner-environment": "runner_environment",
                    "source-repository-uri": "{{ .url }}/{{ .project_path }}",
                    "source-repository-digest": "sha",
                    "source-repository-ref":
                        "refs/{{if eq .ref_type \"branch\"}}heads/{{ else }}tags/{{end}}{{ .ref }}",
                    "source-repository-identifier": "project_id",
                    "source-repository-owner-uri": "{{ .url }}/{{ .namespace_path }}",
                    "source-repository-owner-identifier": "namespace_id",
                    "build-config-uri": "https://{{ .ci_config_ref_uri }}",
                    "build-config-digest": "ci_config_sha",
                    "build-trigger": "pipeline_source",
                    "run-invocation-uri": "{{ .url }}/{{ .project_path }}/-/jobs/{{ .job_id }}",
                    "source-repository-visibility-at-signing": "project_visibility",
                },
            },
        },
    })
}
