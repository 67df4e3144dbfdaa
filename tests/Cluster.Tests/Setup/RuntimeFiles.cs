using ACCOffload.TestKit.Machines;

namespace ACCOffload.Cluster.Tests.Setup;

/// <summary>The files of a node's container runtime and of its kubelet.</summary>
internal static class RuntimeFiles
{
    private const string Environment = $"""
        Environment=PATH={KubernetesFolder.InMachine}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
        Environment=LD_LIBRARY_PATH={KubernetesFolder.InMachine}/lib
        """;

    /// <summary>The unit of the runtime.</summary>
    public static string Unit(ContainerRuntime runtime) => runtime == ContainerRuntime.Crio ? "crio" : "containerd";

    public static void Install(BootedMachine machine, ContainerRuntime runtime)
    {
        switch (runtime)
        {
            case ContainerRuntime.Containerd:
                InstallContainerd(machine);
                break;
            case ContainerRuntime.Crio:
                InstallCrio(machine);
                break;
        }

        // The program has the unit's name.
        machine.Write($"etc/systemd/system/{Unit(runtime)}.service", $"""
            [Service]
            Type=notify
            {Environment}
            ExecStart={KubernetesFolder.InMachine}/bin/{Unit(runtime)}
            KillMode=process
            Delegate=yes
            LimitNOFILE=65536
            TasksMax=infinity
            [Install]
            WantedBy=multi-user.target
            """);
        machine.Write("etc/crictl.yaml", $"runtime-endpoint: unix://{Socket(runtime)}\n");
    }

    /// <param name="machine">The machine.</param>
    /// <param name="runtime">Its runtime.</param>
    /// <param name="name">The node's name.</param>
    /// <param name="address">Its address.</param>
    public static void InstallKubelet(BootedMachine machine, ContainerRuntime runtime, string name, string address)
    {
        // The images can't be pulled again, so nothing is removed, however full the disk is.
        machine.Write("etc/kubernetes/kubelet.yaml", $$"""
            apiVersion: kubelet.config.k8s.io/v1beta1
            kind: KubeletConfiguration
            authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: /etc/kubernetes/ca.crt } }
            authorization: { mode: Webhook }
            cgroupDriver: cgroupfs
            failCgroupV1: false
            featureGates: { KubeletInUserNamespace: true }
            failSwapOn: false
            clusterDNS: [10.96.0.10]
            clusterDomain: cluster.local
            containerRuntimeEndpoint: unix://{{Socket(runtime)}}
            resolvConf: ""
            imageGCHighThresholdPercent: 100
            evictionHard: { nodefs.available: "1%", imagefs.available: "1%", memory.available: "100Mi" }
            """);
        machine.Write("etc/systemd/system/kubelet.service", $"""
            [Unit]
            After={Unit(runtime)}.service
            [Service]
            {Environment}
            ExecStart={KubernetesFolder.InMachine}/bin/kubelet --config=/etc/kubernetes/kubelet.yaml \
                --kubeconfig=/etc/kubernetes/kubelet.kubeconfig --hostname-override={name} --node-ip={address}
            KillMode=process
            Restart=always
            RestartSec=2
            [Install]
            WantedBy=multi-user.target
            """);
    }

    private static string Socket(ContainerRuntime runtime) =>
        runtime == ContainerRuntime.Crio ? "/run/crio/crio.sock" : "/run/containerd/containerd.sock";

    private static void InstallContainerd(BootedMachine machine)
    {
        machine.Write("etc/containerd/config.toml", """
            version = 3
            [plugins.'io.containerd.cri.v1.runtime']
              restrict_oom_score_adj = true
              disable_apparmor = true
              [plugins.'io.containerd.cri.v1.runtime'.cni]
                bin_dirs = ['/opt/cni/bin']
            """);
    }

    private static void InstallCrio(BootedMachine machine)
    {
        machine.Write("etc/containers/policy.json", """{ "default": [{ "type": "insecureAcceptAnything" }] }""");
        machine.Write("etc/crio/crio.conf", $"""
            [crio]
            storage_driver = "overlay"
            [crio.runtime]
            conmon = "{KubernetesFolder.InMachine}/bin/conmon"
            conmon_cgroup = "pod"
            cgroup_manager = "cgroupfs"
            pinns_path = "{KubernetesFolder.InMachine}/bin/pinns"
            default_runtime = "runc"
            apparmor_profile = "unconfined"
            [crio.runtime.runtimes.runc]
            runtime_path = "/usr/local/bin/runc-without-adjustment"
            monitor_path = "{KubernetesFolder.InMachine}/bin/conmon"
            monitor_env = ["PATH={KubernetesFolder.InMachine}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH={KubernetesFolder.InMachine}/lib"]
            [crio.network]
            plugin_dirs = ["/opt/cni/bin"]
            [crio.nri]
            enable_nri = false
            """);
        // A machine without CAP_SYS_RESOURCE can't have the negative OOM score that CRI-O asks for, nor limits of a cgroup controller that
        // it lacks.
        machine.Write("usr/local/bin/runc-without-adjustment", $"""
            #!/bin/sh
            previous=
            for argument in "$@"; do
                case $previous in
                    --bundle | -b) sed -z -i -e 's/"oomScoreAdj": *-[0-9]*/"oomScoreAdj": 0/g' \
                        -e 's/"hugepageLimits": *\[[^]]*\]/"hugepageLimits": []/g' "$argument/config.json" ;;
                esac
                previous=$argument
            done
            exec {KubernetesFolder.InMachine}/bin/runc "$@"
            """);
        File.SetUnixFileMode(machine.At("usr/local/bin/runc-without-adjustment"),
            UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute
            | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
    }
}
