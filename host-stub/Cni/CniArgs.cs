using System.Text;
using ACCOffload.Protos;

namespace ACCOffload.HostStub.Cni;

/// <summary>CNI_ARGS as Kubernetes runtimes set it: the pod that the sandbox belongs to. Used in logs and in the ACC's listings.</summary>
internal readonly record struct CniArgs(string PodNamespace, string PodName, string PodUid)
{
    public static CniArgs Parse(string text)
    {
        string space = "", name = "", uid = "";
        foreach (var range in text.AsSpan().Split(';'))
        {
            var pair = text.AsSpan()[range].Trim();
            if (pair.IsEmpty)
            {
                continue;
            }

            var equals = pair.IndexOf('=');
            if (equals <= 0)
            {
                throw new CniException(CniErrorCode.InvalidEnvironment, "CNI_ARGS is not valid", $"\"{pair}\" is not KEY=VALUE");
            }

            var value = pair[(equals + 1)..];
            switch (pair[..equals])
            {
                case "K8S_POD_NAMESPACE": space = CheckValue("K8S_POD_NAMESPACE", value); break;
                case "K8S_POD_NAME": name = CheckValue("K8S_POD_NAME", value); break;
                case "K8S_POD_UID": uid = CheckValue("K8S_POD_UID", value); break;
            }
        }
        return new CniArgs(space, name, uid);
    }

    private static string CheckValue(string key, ReadOnlySpan<char> value)
    {
        // The ACC's limit is in bytes.
        if (value.Length > ProtocolLimits.MaxNameBytes || Encoding.UTF8.GetByteCount(value) > ProtocolLimits.MaxNameBytes)
        {
            throw new CniException(
                CniErrorCode.InvalidEnvironment, "CNI_ARGS is not valid", $"{key} is longer than {ProtocolLimits.MaxNameBytes} bytes");
        }

        foreach (var c in value)
        {
            if (char.IsControl(c))
            {
                throw new CniException(CniErrorCode.InvalidEnvironment, "CNI_ARGS is not valid", $"{key} contains a control character");
            }
        }
        return value.ToString();
    }
}
