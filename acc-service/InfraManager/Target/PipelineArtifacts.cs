using System.Buffers.Binary;
using System.Security.Cryptography;
using ACCOffload.P4Runtime;
using ACCOffload.Protos.Tdi;
using Google.Protobuf;
using P4.Config.V1;

namespace ACCOffload.InfraManager.Target;

/// <summary>The compiled pipeline as the target takes it.</summary>
internal sealed class PipelineArtifacts
{
    public const string PipelineName = "k8s_dp";

    private PipelineArtifacts(Pipeline pipeline, byte[] deviceConfig, ulong cookie)
    {
        Pipeline = pipeline;
        DeviceConfig = deviceConfig;
        Cookie = cookie;
    }

    public Pipeline Pipeline { get; }

    /// <summary>The serialized <c>tdi.PipelineConfig</c>.</summary>
    public byte[] DeviceConfig { get; }

    /// <summary>Tells compiled pipelines apart: the first eight bytes of a hash over the P4Info and the device configuration.</summary>
    public ulong Cookie { get; }

    /// <summary>Reads <c>k8s_dp.spec</c>, <c>.p4info.bin</c>, <c>.bfrt.json</c> and <c>.context.json</c>.</summary>
    /// <exception cref="InvalidDataException">A file is missing or unusable; one line that names it.</exception>
    public static PipelineArtifacts Load(string directory)
    {
        byte[] info = Read(".p4info.bin");
        var config = new PipelineConfig
        {
            P4Name = PipelineName,
            BfruntimeInfo = ByteString.CopyFrom(Read(".bfrt.json")),
            Profiles =
            {
                new Profile { ProfileName = "pipe", Context = ByteString.CopyFrom(Read(".context.json")), Binary = ByteString.CopyFrom(Read(".spec")) },
            },
        };
        try
        {
            return Create(P4Info.Parser.ParseFrom(info), info, config.ToByteArray());
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or P4InfoException)
        {
            throw new InvalidDataException($"pipeline {Path.Combine(directory, PipelineName + ".p4info.bin")} is unusable: {e.Message.ReplaceLineEndings(" ")}", e);
        }

        byte[] Read(string suffix)
        {
            string path = Path.Combine(directory, PipelineName + suffix);
            try
            {
                return File.ReadAllBytes(path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new InvalidDataException($"pipeline file {path} can't be read: {e.Message.ReplaceLineEndings(" ")}; set Pipeline:Directory", e);
            }
        }
    }

    /// <param name="info">The P4Info.</param>
    /// <param name="infoBytes">As it lies in its file.</param>
    /// <param name="deviceConfig">What the target loads.</param>
    /// <exception cref="P4InfoException">The P4Info is unusable.</exception>
    public static PipelineArtifacts Create(P4Info info, ReadOnlySpan<byte> infoBytes, byte[] deviceConfig)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(infoBytes);
        hash.AppendData(deviceConfig);
        ulong cookie = BinaryPrimitives.ReadUInt64BigEndian(hash.GetHashAndReset());
        return new PipelineArtifacts(Pipeline.FromP4Info(info), deviceConfig, cookie);
    }
}
