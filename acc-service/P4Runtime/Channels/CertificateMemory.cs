namespace ACCOffload.P4Runtime.Channels;

/// <summary>
/// The certificate files of a target, and the last good ones while the files are half written, damaged or gone: a connection that is lost
/// meanwhile is made again with those. Thread-safe.
/// </summary>
internal sealed class CertificateMemory(TargetEndpoint endpoint)
{
    private readonly Lock _gate = new();
    private PemFiles? _good;
    private volatile string _problem = "";

    /// <summary>Why the files can't be used as they are now, with the file named; empty while they can.</summary>
    public string Problem => _problem;

    /// <summary>The files, or the last good ones.</summary>
    /// <exception cref="P4RuntimeException">The files can't be used, and never could; the message names the file.</exception>
    public PemFiles Current()
    {
        lock (_gate)
        {
            if (_good is { } same && CertificateStamp.Of(endpoint) == same.Stamp)
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
