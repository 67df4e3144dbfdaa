using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.Protos.Tdi;
using Google.Protobuf;
using P4.Config.V1;

namespace ACCOffload.InfraManager.Target;

/// <summary>The compiled pipeline in the form that the target takes.</summary>
internal sealed class PipelineArtifacts
{
    public const string PipelineName = "k8s_dp";

    /// <summary>The name of the P4Info file beside a release 24.01 package.</summary>
    private const string PackageInfoName = "p4Info.txt";

    private PipelineArtifacts(Pipeline pipeline, byte[] deviceConfig, ulong cookie)
    {
        Pipeline = pipeline;
        DeviceConfig = deviceConfig;
        Cookie = cookie;
    }

    public Pipeline Pipeline { get; }

    /// <summary>The serialized <c>tdi.PipelineConfig</c>.</summary>
    public byte[] DeviceConfig { get; }

    /// <summary>
    /// Identifies the compiled pipeline: the first eight bytes, big-endian, of a SHA-256 hash over P4Info and device configuration.
    /// </summary>
    public ulong Cookie { get; }

    /// <summary>The pipeline that InfraManager pushes for this profile; null if the target has its own.</summary>
    /// <exception cref="InvalidDataException">A file is missing or unusable; one line that names it.</exception>
    public static PipelineArtifacts? Of(PipelineSettings settings, PipelineProfile profile) =>
        profile.IsBuiltIn ? Load(settings.Directory) : settings.Package is { } package ? LoadPackage(package, settings.P4Info) : null;

    /// <summary>Reads <c>k8s_dp.spec</c>, <c>.p4info.bin</c>, <c>.bfrt.json</c> and <c>.context.json</c>.</summary>
    /// <exception cref="InvalidDataException">A file is missing or unusable; one line that names it.</exception>
    public static PipelineArtifacts Load(string directory)
    {
        var info = Read(".p4info.bin");
        var config = new PipelineConfig
        {
            P4Name = PipelineName,
            BfruntimeInfo = ByteString.CopyFrom(Read(".bfrt.json")),
            Profiles =
            {
                new Profile { ProfileName = "pipe", Context = ByteString.CopyFrom(Read(".context.json")),
                    Binary = ByteString.CopyFrom(Read(".spec")) },
            },
        };
        try
        {
            return Create(P4Info.Parser.ParseFrom(info), info, config.ToByteArray());
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or P4InfoException)
        {
            throw new InvalidDataException($"pipeline {Path.Combine(directory, PipelineName + ".p4info.bin")} is unusable: "
                + $"{e.Message.ReplaceLineEndings(" ")}", e);
        }

        byte[] Read(string suffix) => ReadFile(Path.Combine(directory, PipelineName + suffix), "set Pipeline:Directory");
    }

    /// <summary>Reads a package of release 24.01: the device configuration as one file, and its P4Info.</summary>
    /// <param name="package">The path of the device configuration, such as k8s_dp.pb.bin.</param>
    /// <param name="info">The path of the P4Info: binary where it ends with .bin or .pb, text otherwise. Null: p4Info.txt beside the
    /// package.</param>
    /// <exception cref="InvalidDataException">A file is missing or unusable; one line that names it.</exception>
    public static PipelineArtifacts LoadPackage(string package, string? info)
    {
        var path = info ?? Path.Combine(Path.GetDirectoryName(package) ?? "", PackageInfoName);
        var device = ReadFile(package, "set Pipeline:Package");
        var infoBytes = ReadFile(path, "set Pipeline:P4Info");
        try
        {
            // The target would report an invalid configuration as INTERNAL, or crash.
            var config = PipelineConfig.Parser.ParseFrom(device);
            if (config.P4Name.Length == 0 || config.BfruntimeInfo.IsEmpty || config.Profiles.Count == 0
                || config.Profiles.Any(p => p.Context.IsEmpty || p.Binary.IsEmpty))
            {
                throw new InvalidDataException($"package {package} is unusable: the name, the bf-rt.json, or a profile's context or "
                    + "binary is missing");
            }
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidDataException($"package {package} is unusable: it is not a device configuration of infrap4d: "
                + $"{e.Message.ReplaceLineEndings(" ")}", e);
        }

        try
        {
            var isBinary = Path.GetExtension(path) is ".bin" or ".pb";
            return Create(isBinary ? P4Info.Parser.ParseFrom(infoBytes) : P4InfoText.Parse(Encoding.UTF8.GetString(infoBytes)),
                infoBytes, device);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or P4InfoException)
        {
            throw new InvalidDataException($"the package's P4Info {path} is unusable: {e.Message.ReplaceLineEndings(" ")}; if p4c wrote it "
                + "as text, convert it with protoc --encode=p4.config.v1.P4Info and set Pipeline:P4Info to the result", e);
        }
    }

    /// <param name="info">The P4Info.</param>
    /// <param name="infoBytes">The contents of its file.</param>
    /// <param name="deviceConfig">The device configuration for the target.</param>
    /// <exception cref="P4InfoException">The P4Info is unusable.</exception>
    public static PipelineArtifacts Create(P4Info info, ReadOnlySpan<byte> infoBytes, byte[] deviceConfig)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(infoBytes);
        hash.AppendData(deviceConfig);
        var cookie = BinaryPrimitives.ReadUInt64BigEndian(hash.GetHashAndReset());
        return new PipelineArtifacts(Pipeline.FromP4Info(info), deviceConfig, cookie);
    }

    private static byte[] ReadFile(string path, string remedy)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"pipeline file {path} can't be read: {e.Message.ReplaceLineEndings(" ")}; {remedy}", e);
        }
    }
}
