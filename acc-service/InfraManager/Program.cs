return await ACCOffload.InfraManager.CommandLine.Commands.RunAsync(args);
