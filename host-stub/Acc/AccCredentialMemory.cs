using ACCOffload.HostStub.Configuration;

namespace ACCOffload.HostStub.Acc;

/// <summary>
/// Our credentials, and the last good ones while the files are half written, damaged or gone: a connection that is lost meanwhile is made again
/// with those, until they expire. Used by the link's loop; the problem may be read by anybody.
/// </summary>
internal sealed class AccCredentialMemory(AccConfig config, TimeProvider time)
{
    private AccCredentialFiles? _good;
    private volatile string _problem = "";

    /// <summary>Why the files can't be used as they are now, with the file named; empty while they can.</summary>
    public string Problem => _problem;

    /// <summary>The files' credentials, or the last good ones.</summary>
    /// <exception cref="AccException">Neither can be used; names the file and what is wrong with it.</exception>
    public AccCredentials Load()
    {
        try
        {
            var read = AccCredentialFiles.Read(config);
            var credentials = AccCredentials.From(config, read, time);
            (_good, _problem) = (read, "");
            return credentials;
        }
        catch (AccException e)
        {
            _problem = e.Message;
            if (_good is null)
            {
                throw;
            }

            return AccCredentials.From(config, _good, time);
        }
    }

    /// <summary>Whether the files are good, and others than those of a stamp.</summary>
    public bool HasOther(string stamp)
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
            // The last good ones have expired; the connection says so when it is made again.
            return false;
        }
    }
}
