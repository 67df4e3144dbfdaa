namespace ACCOffload.P4Runtime.Channels;

/// <summary>
/// The certificate files of a target. While the files are incomplete, damaged or missing, reconnects use the last good contents.
/// Thread-safe.
/// </summary>
internal sealed class CertificateCache(TargetEndpoint endpoint)
{
    private readonly Lock _gate = new();
    private PemFiles? _good;
    private volatile string _problem = "";

    /// <summary>Why the current files can't be used, with the name of the file; empty if they can.</summary>
    public string Problem => _problem;

    /// <summary>The current files, or the last good ones.</summary>
    /// <exception cref="P4RuntimeException">The files can't be used and there are no earlier ones; the message names the file.</exception>
    public PemFiles Current()
    {
        lock (_gate)
        {
            if (_good is { } same && endpoint.CertificateStamp == same.Stamp)
            {
                _problem = "";
                return same;
            }

            try
            {
                var read = PemFiles.Read(endpoint);
                using var usable = new TargetCertificates(endpoint, read);
                _problem = "";
                return _good = read;
            }
            catch (P4RuntimeException e) when (_good is not null)
            {
                _problem = e.Message;
                return _good;
            }
            catch (P4RuntimeException e)
            {
                _problem = e.Message;
                throw;
            }
        }
    }
}
