import java.io.File;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.ha.HAServiceProtocol.RequestSource;
import org.apache.hadoop.ha.HAServiceProtocol.StateChangeRequestInfo;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.hdfs.server.datanode.DataNode;
import org.apache.hadoop.hdfs.server.namenode.NameNode;
import org.apache.hadoop.metrics2.lib.DefaultMetricsSystem;

/**
 * One whole HDFS cluster in one JVM: Hadoop's own NameNode and DataNode. Arguments: its settings, the file to create when it
 * serves, and one that holds the DataNode back while it exists: the NameNode stays in safe mode and knows of no block.
 *
 * Of a pair of NameNodes the settings also name a file, which says who is active, and to the second one, which has the DataNode,
 * the folder that the first one formats.
 */
public final class MiniHdfs {
    public static void main(String[] args) {
        try {
            DefaultMetricsSystem.setMiniClusterMode(true); // both servers register their metrics in this one JVM
            Configuration conf = new HdfsConfiguration();
            conf.addResource(new org.apache.hadoop.fs.Path(args[0]));
            String active = conf.get("logmill.pair.active");
            String formatted = conf.get("logmill.pair.formatted");
            File names = new File(URI.create(conf.get("dfs.namenode.name.dir")));
            if (!new File(names, "current/VERSION").exists()) {
                if (formatted == null) {
                    NameNode.format(conf);
                } else {
                    copy(new File(formatted, "current"), new File(names, "current"));
                }
            }
            Configuration ofData = new HdfsConfiguration(conf); // a NameNode of a pair writes its own addresses into its settings
            NameNode nameNode = NameNode.createNameNode(new String[0], conf);
            if (active != null) {
                follow(nameNode, conf.get("dfs.ha.namenode.id"), Path.of(active));
            }
            boolean held = Files.exists(Path.of(args[2]));
            if (held) {
                Files.createFile(Path.of(args[1]));
            }
            while (Files.exists(Path.of(args[2]))) {
                Thread.sleep(20);
            }
            boolean hasData = active == null || formatted != null;
            DataNode dataNode = hasData ? DataNode.createDataNode(new String[0], ofData) : null;
            while (hasData && !dataNode.isDatanodeFullyStarted() || nameNode.isInSafeMode()
                    || nameNode.getNamesystem().getNumLiveDataNodes() < 1) {
                Thread.sleep(20);
            }
            if (!held) {
                Files.createFile(Path.of(args[1]));
            }
        } catch (Throwable failure) {
            failure.printStackTrace();
            System.exit(1); // threads of the servers would keep a half-started JVM alive
        }
    }

    /** What the other one has formatted, when it has. */
    private static void copy(File from, File to) throws Exception {
        while (!new File(from, "fsimage_0000000000000000000.md5").exists()) {
            Thread.sleep(20);
        }
        Files.createDirectories(to.toPath());
        for (String name : new String[] {"fsimage_0000000000000000000", "fsimage_0000000000000000000.md5", "seen_txid", "VERSION"}) {
            Files.copy(new File(from, name).toPath(), new File(to, name).toPath());
        }
    }

    /** Is active while the file says so, as fail-over controllers would have it. */
    private static void follow(NameNode nameNode, String id, Path active) {
        StateChangeRequestInfo asked = new StateChangeRequestInfo(RequestSource.REQUEST_BY_USER_FORCED);
        Thread thread = new Thread(() -> {
            try {
                while (true) {
                    boolean wanted = Files.readString(active).equals(id);
                    if (wanted && !nameNode.isActiveState()) {
                        nameNode.getRpcServer().transitionToActive(asked);
                    } else if (!wanted && nameNode.isActiveState()) {
                        nameNode.getRpcServer().transitionToStandby(asked);
                    }
                    Thread.sleep(20);
                }
            } catch (Throwable failure) {
                failure.printStackTrace();
                System.exit(1);
            }
        });
        thread.setDaemon(true);
        thread.start();
    }
}
