import java.io.File;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.hdfs.server.datanode.DataNode;
import org.apache.hadoop.hdfs.server.namenode.NameNode;
import org.apache.hadoop.metrics2.lib.DefaultMetricsSystem;

/**
 * One whole HDFS cluster in one JVM: Hadoop's own NameNode and DataNode. Arguments: its settings, the file to create when it
 * serves, and one that holds the DataNode back while it exists: the NameNode stays in safe mode and knows of no block.
 */
public final class MiniHdfs {
    public static void main(String[] args) {
        try {
            DefaultMetricsSystem.setMiniClusterMode(true); // both servers register their metrics in this one JVM
            Configuration conf = new HdfsConfiguration();
            conf.addResource(new org.apache.hadoop.fs.Path(args[0]));
            File names = new File(URI.create(conf.get("dfs.namenode.name.dir")));
            if (!new File(names, "current/VERSION").exists()) {
                NameNode.format(conf);
            }
            NameNode nameNode = NameNode.createNameNode(new String[0], conf);
            boolean held = Files.exists(Path.of(args[2]));
            if (held) {
                Files.createFile(Path.of(args[1]));
            }
            while (Files.exists(Path.of(args[2]))) {
                Thread.sleep(20);
            }
            DataNode dataNode = DataNode.createDataNode(new String[0], conf);
            while (!dataNode.isDatanodeFullyStarted() || nameNode.isInSafeMode()
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
}
