//! What the pages for operators show, given to a real API server.

use floe_e2e::{cluster::Cluster, scratch::Scratch};

#[test]
fn the_webhook_configuration_of_the_page_is_accepted_by_the_api_server() {
    let page = include_str!("../../../docs/webhook.md");
    let start = page.find("```yaml\n").unwrap() + "```yaml\n".len();
    let length = page[start..].find("```").unwrap();
    let scratch = Scratch::new();
    let file = scratch.write("configuration.yaml", &page[start..start + length]);
    let output = Cluster::shared()
        .kubectl()
        .args([
            "create",
            "--dry-run=server",
            "--validate=strict",
            "-o",
            "name",
            "-f",
        ])
        .arg(file)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "validatingwebhookconfiguration.admissionregistration.k8s.io/floe",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
