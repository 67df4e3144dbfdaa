using System.Security.Cryptography.X509Certificates;
using ACCOffload.FileStamps;
using ACCOffload.HostStub.Configuration;

namespace ACCOffload.HostStub.Acc;

/// <summary>
/// Loads the credentials, and falls back to the last valid ones while the files are incomplete, damaged or missing: reconnects use those
/// until they expire. Not thread-safe, except for <see cref="Problem"/>.
/// </summary>
internal sealed class AccCredentialMemory(AccConfig config, TimeProvider time)
{
    private AccCredentialFiles? _lastValid;
    private volatile string _problem = "";

    /// <summary>Why the current files can't be used, naming the file; empty while they can.</summary>
    public string Problem => _problem;

    /// <summary>The credentials in the files, or the last valid ones.</summary>
    /// <exception cref="AccException">Neither can be used; the message names the file and what is wrong with it.</exception>
    public AccCredentials Load()
    {
        try
        {
            var read = AccCredentialFiles.Read(config);
            var credentials = AccCredentials.From(config, read, time);
            (_lastValid, _problem) = (read, "");
            return credentials;
        }
        catch (AccException e)
        {
            _problem = e.Message;
            if (_lastValid is null)
            {
                throw;
            }

            return AccCredentials.From(config, _lastValid, time);
        }
    }

    /// <summary>Whether the files are valid and their stamp differs from the given one.</summary>
    public bool HasChanged(CertificateStamp stamp)
    {
        if (AccCredentials.StampOf(config) == stamp)
        {
            _problem = "";
            return false;
        }
        try
        {
            using var loaded = Load();
            return loaded.Stamp != stamp;
        }
        catch (AccException)
        {
            // The last valid ones have expired; the next connection attempt reports it.
            return false;
        }
    }

    /// <summary>Whether none of these CAs was removed.</summary>
    public bool StillTrusts(X509Certificate2Collection authorities)
    {
        try
        {
            using var loaded = Load();
            return authorities.All(a => loaded.Authorities.Any(l => l.RawDataMemory.Span.SequenceEqual(a.RawDataMemory.Span)));
        }
        catch (AccException)
        {
            return false;
        }
    }
}
