//! AdmissionReviews as an API server sends them, for images of our making.
//!
//! The texts are laid out like what a 1.3x API server sends for the Pod of a
//! ReplicaSet: one line, `managedFields` before the spec, defaults filled in.

/// How much each container says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Ports, one variable, resources, one mount: 7 to 8 KB for six containers.
    Short,
    /// Arguments, variables, probes and a security context too, each of them
    /// also in `managedFields`: 7 KB for one container, 60 KB for twenty.
    Full,
}

/// A CREATE of a Pod in `namespace` with a container for each of `images`.
pub(crate) fn pod(namespace: &str, images: &[String], detail: Detail) -> String {
    let containers: Vec<_> = images
        .iter()
        .enumerate()
        .map(|(index, image)| container(index, image, detail))
        .collect();
    let managed = match detail {
        Detail::Short => String::new(),
        Detail::Full => {
            let fields: Vec<_> = (0..images.len()).map(managed_container).collect();
            format!(r#""f:containers":{{{}}},"#, fields.join(","))
        }
    };
    format!(
        concat!(
            r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"fc8b1c2a-31e5-4c6f-9d0e-6a3a5f1b7e42","kind":{{"group":"","version":"v1","kind":"Pod"}},"resource":{{"group":"","version":"v1","resource":"pods"}},"requestKind":{{"group":"","version":"v1","kind":"Pod"}},"requestResource":{{"group":"","version":"v1","resource":"pods"}},"#,
            r#""namespace":"{namespace}","operation":"CREATE","userInfo":{{"username":"system:serviceaccount:kube-system:replicaset-controller","uid":"61d499c9-e25a-4605-aec6-f0245bd86d40","groups":["system:serviceaccounts","system:serviceaccounts:kube-system","system:authenticated"],"extra":{{"authentication.kubernetes.io/credential-id":["JTI=153e7c2a-26a2-40bd-ab12-87fff52ddf5d"]}}}},"#,
            r#""object":{{"kind":"Pod","apiVersion":"v1","metadata":{{"generateName":"store-6d5f7c9b8-","namespace":"{namespace}","creationTimestamp":null,"labels":{{"app.kubernetes.io/name":"store","app.kubernetes.io/instance":"{namespace}","app.kubernetes.io/version":"1.18.3","pod-template-hash":"6d5f7c9b8"}},"annotations":{{"checksum/config":"ae658f33fe3b890b93f448b3a5aa3c814f426dcbb394fb36bb2d420f0f88080b","prometheus.io/scrape":"true","prometheus.io/port":"8080"}},"#,
            r#""ownerReferences":[{{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"store-6d5f7c9b8","uid":"b774eb52-48db-40af-a215-8370d269a9a5","controller":true,"blockOwnerDeletion":true}}],"#,
            r#""managedFields":[{{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2026-01-05T10:00:00Z","fieldsType":"FieldsV1","fieldsV1":{{"f:metadata":{{"f:generateName":{{}},"f:labels":{{".":{{}},"f:app.kubernetes.io/name":{{}},"f:app.kubernetes.io/instance":{{}},"f:app.kubernetes.io/version":{{}},"f:pod-template-hash":{{}}}},"f:annotations":{{".":{{}},"f:checksum/config":{{}},"f:prometheus.io/scrape":{{}},"f:prometheus.io/port":{{}}}},"f:ownerReferences":{{".":{{}},"k:{{\"uid\":\"b774eb52-48db-40af-a215-8370d269a9a5\"}}":{{}}}}}},"f:spec":{{"f:volumes":{{".":{{}},"k:{{\"name\":\"config\"}}":{{".":{{}},"f:name":{{}},"f:configMap":{{".":{{}},"f:name":{{}},"f:defaultMode":{{}}}}}},"k:{{\"name\":\"tmp\"}}":{{".":{{}},"f:name":{{}},"f:emptyDir":{{".":{{}},"f:sizeLimit":{{}}}}}}}},{managed}"f:restartPolicy":{{}},"f:terminationGracePeriodSeconds":{{}},"f:dnsPolicy":{{}},"f:serviceAccountName":{{}},"f:automountServiceAccountToken":{{}},"f:securityContext":{{".":{{}},"f:runAsUser":{{}},"f:fsGroup":{{}},"f:seccompProfile":{{".":{{}},"f:type":{{}}}}}},"f:imagePullSecrets":{{}},"f:schedulerName":{{}},"f:enableServiceLinks":{{}}}}}}}}]}},"#,
            r#""spec":{{"volumes":[{{"name":"config","configMap":{{"name":"store-config","defaultMode":420}}}},{{"name":"tmp","emptyDir":{{"sizeLimit":"64Mi"}}}},{{"name":"kube-api-access-7xq2v","projected":{{"sources":[{{"serviceAccountToken":{{"expirationSeconds":3607,"path":"token"}}}},{{"configMap":{{"name":"kube-root-ca.crt","items":[{{"key":"ca.crt","path":"ca.crt"}}]}}}},{{"downwardAPI":{{"items":[{{"path":"namespace","fieldRef":{{"apiVersion":"v1","fieldPath":"metadata.namespace"}}}}]}}}}],"defaultMode":420}}}}],"#,
            r#""containers":[{containers}],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"store","serviceAccount":"store","automountServiceAccountToken":true,"securityContext":{{"runAsUser":10001,"fsGroup":10001,"seccompProfile":{{"type":"RuntimeDefault"}}}},"imagePullSecrets":[{{"name":"registry-pull"}}],"schedulerName":"default-scheduler","#,
            r#""tolerations":[{{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}},{{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}}],"priority":0,"enableServiceLinks":true,"preemptionPolicy":"PreemptLowerPriority"}},"status":{{}}}},"oldObject":null,"dryRun":false,"options":{{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1"}}}}}}"#,
        ),
        namespace = namespace,
        managed = managed,
        containers = containers.join(","),
    )
}

const NAMES: [&str; 6] = [
    "web",
    "metrics-exporter",
    "log-shipper",
    "proxy",
    "config-reloader",
    "cache",
];

fn name(index: usize) -> String {
    match index / NAMES.len() {
        0 => NAMES[index].to_owned(),
        round => format!("{}-{round}", NAMES[index % NAMES.len()]),
    }
}

fn container(index: usize, image: &str, detail: Detail) -> String {
    let name = name(index);
    let port = 8080 + index;
    let full = detail == Detail::Full;
    let only = |text: String| if full { text } else { String::new() };
    let arguments = only(format!(
        r#""args":["--config=/etc/{name}/config.yaml","--log-level=info","--listen=:{port}"],"#
    ));
    let variables = only(
        r#",{"name":"POD_NAMESPACE","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.namespace"}}},{"name":"DB_URL","valueFrom":{"secretKeyRef":{"name":"db","key":"url"}}},{"name":"FEATURES","value":"checkout,search"}"#.to_owned(),
    );
    let mounts = only(format!(
        r#"{{"name":"config","mountPath":"/etc/{name}"}},{{"name":"tmp","mountPath":"/tmp"}},"#
    ));
    let probes = only(format!(
        r#""livenessProbe":{{"httpGet":{{"path":"/healthz","port":"http-{index}","scheme":"HTTP"}},"initialDelaySeconds":5,"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3}},"readinessProbe":{{"httpGet":{{"path":"/readyz","port":"http-{index}","scheme":"HTTP"}},"timeoutSeconds":1,"periodSeconds":5,"successThreshold":1,"failureThreshold":3}},"#
    ));
    let security = only(
        r#","securityContext":{"capabilities":{"drop":["ALL"]},"runAsNonRoot":true,"readOnlyRootFilesystem":true,"allowPrivilegeEscalation":false}"#.to_owned(),
    );
    format!(
        r#"{{"name":"{name}","image":"{image}",{arguments}"ports":[{{"name":"http-{index}","containerPort":{port},"protocol":"TCP"}}],"env":[{{"name":"POD_NAME","valueFrom":{{"fieldRef":{{"apiVersion":"v1","fieldPath":"metadata.name"}}}}}}{variables}],"resources":{{"limits":{{"memory":"256Mi"}},"requests":{{"cpu":"50m","memory":"128Mi"}}}},"volumeMounts":[{mounts}{{"name":"kube-api-access-7xq2v","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}}],{probes}"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"{security}}}"#
    )
}

fn managed_container(index: usize) -> String {
    let name = name(index);
    let port = 8080 + index;
    format!(
        r#""k:{{\"name\":\"{name}\"}}":{{".":{{}},"f:name":{{}},"f:image":{{}},"f:args":{{}},"f:ports":{{".":{{}},"k:{{\"containerPort\":{port},\"protocol\":\"TCP\"}}":{{".":{{}},"f:name":{{}},"f:containerPort":{{}},"f:protocol":{{}}}}}},"f:env":{{".":{{}},"k:{{\"name\":\"POD_NAME\"}}":{{".":{{}},"f:name":{{}},"f:valueFrom":{{".":{{}},"f:fieldRef":{{".":{{}},"f:apiVersion":{{}},"f:fieldPath":{{}}}}}}}},"k:{{\"name\":\"POD_NAMESPACE\"}}":{{".":{{}},"f:name":{{}},"f:valueFrom":{{".":{{}},"f:fieldRef":{{".":{{}},"f:apiVersion":{{}},"f:fieldPath":{{}}}}}}}},"k:{{\"name\":\"DB_URL\"}}":{{".":{{}},"f:name":{{}},"f:valueFrom":{{".":{{}},"f:secretKeyRef":{{".":{{}},"f:name":{{}},"f:key":{{}}}}}}}},"k:{{\"name\":\"FEATURES\"}}":{{".":{{}},"f:name":{{}},"f:value":{{}}}}}},"f:resources":{{".":{{}},"f:limits":{{".":{{}},"f:memory":{{}}}},"f:requests":{{".":{{}},"f:cpu":{{}},"f:memory":{{}}}}}},"f:volumeMounts":{{".":{{}},"k:{{\"mountPath\":\"/etc/{name}\"}}":{{".":{{}},"f:name":{{}},"f:mountPath":{{}}}},"k:{{\"mountPath\":\"/tmp\"}}":{{".":{{}},"f:name":{{}},"f:mountPath":{{}}}}}},"f:livenessProbe":{{".":{{}},"f:httpGet":{{".":{{}},"f:path":{{}},"f:port":{{}},"f:scheme":{{}}}},"f:initialDelaySeconds":{{}},"f:timeoutSeconds":{{}},"f:periodSeconds":{{}},"f:successThreshold":{{}},"f:failureThreshold":{{}}}},"f:readinessProbe":{{".":{{}},"f:httpGet":{{".":{{}},"f:path":{{}},"f:port":{{}},"f:scheme":{{}}}},"f:timeoutSeconds":{{}},"f:periodSeconds":{{}},"f:successThreshold":{{}},"f:failureThreshold":{{}}}},"f:terminationMessagePath":{{}},"f:terminationMessagePolicy":{{}},"f:imagePullPolicy":{{}},"f:securityContext":{{".":{{}},"f:capabilities":{{".":{{}},"f:drop":{{}}}},"f:runAsNonRoot":{{}},"f:readOnlyRootFilesystem":{{}},"f:allowPrivilegeEscalation":{{}}}}}}"#
    )
}
